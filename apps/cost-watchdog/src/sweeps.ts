import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { Log, Repeating } from '@purser/service';
import { LatchStores } from './emergency/latch-stores.js';
import { SpikeService } from './emergency/spike.service.js';
import { GatewaysService } from './leases/gateways.service.js';
import { SourcePoller } from './sources/poller.service.js';
import { QuietLooks } from './windows/quiet-looks.js';
import { WindowChanges } from './windows/window-changes.js';
import { WindowsService } from './windows/windows.service.js';

/** While nothing is spent every so-manieth look for spikes is made, for rules that were set at another watchdog. */
const SPIKES_ANYWAY = 20;

/** While the connection stands, every so-manieth look at the streams is made. */
const STREAMS_ANYWAY = 12;

/** A server that came back without its store has lost the streams too. */
function streamsOf(bus: Bus): () => Promise<void> {
  let kept: number | undefined;
  let skipped = 0;
  return async () => {
    const { losses } = bus;
    if (losses === kept && ++skipped < STREAMS_ANYWAY) return;
    skipped = 0;
    kept = undefined;
    await bus.ensureStreams();
    kept = losses;
  };
}

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
    changes: WindowChanges,
    bus: Bus,
    log: Log,
  ) {
    const spikeLooks = new QuietLooks(changes, SPIKES_ANYWAY, async () => {
      await spikes.check();
      return spikes.isQuiet;
    });
    this.all = [
      new Repeating('rolling budget windows over', 1_000, () => windows.rollWhenDue(), log),
      new Repeating('watching over gateways', 1_000, () => gateways.judge(), log),
      new Repeating('reconciling the emergency latch', 2_000, () => latch.reconcile(), log),
      new Repeating('keeping the streams', 5_000, streamsOf(bus), log),
      new Repeating('looking for spending spikes', 3_000, () => spikeLooks.next(), log),
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
