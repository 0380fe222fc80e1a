import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Log, Repeating } from '@purser/service';
import { ForecastNotices } from './forecast-notices.service.js';
import { SpendNotices } from './spend-notices.service.js';

/** Looks again and again at how far spending has come. On several watchdogs at once, each notice goes out once. */
@Injectable()
export class NoticeSweeps implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly all: Repeating[];

  constructor(spend: SpendNotices, forecasts: ForecastNotices, log: Log) {
    this.all = [
      new Repeating('looking at how far spending has come', 2_000, () => spend.check(), log),
      new Repeating('forecasting the month', 60_000, () => forecasts.check(), log),
    ];
  }

  onApplicationBootstrap(): void {
    for (const sweep of this.all) sweep.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.all.map((sweep) => sweep.stop()));
  }
}
