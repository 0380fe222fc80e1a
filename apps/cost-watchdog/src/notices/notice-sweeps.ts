import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Log, Repeating } from '@purser/service';
import { QuietLooks } from '../windows/quiet-looks.js';
import { WindowChanges } from '../windows/window-changes.js';
import { ForecastNotices } from './forecast-notices.service.js';
import { SpendNotices } from './spend-notices.service.js';

/** While nothing is spent every so-manieth look is made. */
const SPEND_ANYWAY = 30;
const FORECASTS_ANYWAY = 5;

/** Looks again and again at how far spending has come. On several watchdogs at once, each notice goes out once. */
@Injectable()
export class NoticeSweeps implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly all: Repeating[];

  constructor(spend: SpendNotices, forecasts: ForecastNotices, changes: WindowChanges, log: Log) {
    const spendLooks = new QuietLooks(changes, SPEND_ANYWAY, async () => {
      await spend.check();
      return true;
    });
    const forecastLooks = new QuietLooks(changes, FORECASTS_ANYWAY, async () => {
      await forecasts.check();
      return true;
    });
    this.all = [
      new Repeating('looking at how far spending has come', 2_000, () => spendLooks.next(), log),
      new Repeating('forecasting the month', 60_000, () => forecastLooks.next(), log),
    ];
  }

  onApplicationBootstrap(): void {
    for (const sweep of this.all) sweep.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.all.map((sweep) => sweep.stop()));
  }
}
