import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Log } from '@purser/service';
import { SnapshotService } from './budgets/snapshot.service.js';
import { LatchStores } from './emergency/latch-stores.js';
import { SpikeService } from './emergency/spike.service.js';
import { GatewaysService } from './leases/gateways.service.js';
import { Repeating } from './repeating.js';
import { WindowsService } from './windows/windows.service.js';

/** What happens by the clock. All of it may run on several watchdogs at once. */
@Injectable()
export class Sweeps implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly all: Repeating[];

  constructor(
    windows: WindowsService,
    gateways: GatewaysService,
    snapshot: SnapshotService,
    latch: LatchStores,
    spikes: SpikeService,
    log: Log,
  ) {
    this.all = [
      new Repeating('rolling budget windows over', 1_000, () => windows.rollWhenDue(), log),
      new Repeating('watching over gateways', 1_000, () => gateways.judge(), log),
      new Repeating('writing the budgets to their bucket', 500, () => snapshot.publishDue(), log),
      new Repeating('reconciling the emergency latch', 2_000, () => latch.reconcile(), log),
      new Repeating('looking for spending spikes', 3_000, () => spikes.check(), log),
    ];
  }

  onApplicationBootstrap(): void {
    for (const sweep of this.all) sweep.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.all.map((sweep) => sweep.stop()));
  }
}
