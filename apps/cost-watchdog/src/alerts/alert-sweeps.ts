import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Log, Repeating } from '@purser/service';
import { AlertExpiry } from './alert-expiry.service.js';
import { ChannelRegistry } from './channel-registry.service.js';
import { DailyReport } from './daily-report.service.js';
import { TellingService } from './telling.service.js';

/** What alerts need done by the clock. All of it may run on several watchdogs at once. */
@Injectable()
export class AlertSweeps implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly all: Repeating[];

  constructor(telling: TellingService, registry: ChannelRegistry, expiry: AlertExpiry, report: DailyReport, log: Log) {
    this.all = [
      new Repeating('telling people of alerts', 1_000, () => telling.tell(), log),
      new Repeating('saying which channels there are', 60_000, () => registry.announce(), log),
      new Repeating('ending alerts', 30_000, () => expiry.tidy(), log),
      new Repeating('reporting the day', 10_000, () => report.sendWhenDue(), log),
    ];
  }

  onApplicationBootstrap(): void {
    for (const sweep of this.all) sweep.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.all.map((sweep) => sweep.stop()));
  }
}
