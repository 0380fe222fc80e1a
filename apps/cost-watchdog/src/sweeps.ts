import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { Log, Repeating } from '@purser/service';
import { LatchStores } from './emergency/latch-stores.js';
import { SpikeService } from './emergency/spike.service.js';
import { GatewaysService } from './leases/gateways.service.js';
import { SourcePoller } from './sources/poller.service.js';
import { WindowsService } from './windows/windows.service.js';

/** What happens by the clock. All of it may run on several watchdogs at once. */
@Injectable()
export class Sweeps implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly all: Repeating[];

  constructor(
    windows: WindowsService,
    gateways: GatewaysService,
    latch: LatchStores,
    spikes: SpikeService,
    sources: SourcePoller,
    bus: Bus,
    log: Log,
  ) {
    this.all = [
      new Repeating('rolling budget windows over', 1_000, () => windows.rollWhenDue(), log),
      new Repeating('watching over gateways', 1_000, () => gateways.judge(), log),
      new Repeating('reconciling the emergency latch', 2_000, () => latch.reconcile(), log),
      // A server that came back without its store has lost the streams too.
      new Repeating('keeping the streams', 5_000, () => bus.ensureStreams(), log),
      new Repeating('looking for spending spikes', 3_000, () => spikes.check(), log),
      new Repeating('asking cost sources', 1_000, () => sources.poll(), log),
      new Repeating('forgetting the minutes of yesterday', 600_000, () => spikes.forget(), log),
    ];
  }

  onApplicationBootstrap(): void {
    for (const sweep of this.all) sweep.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.all.map((sweep) => sweep.stop()));
  }
}
