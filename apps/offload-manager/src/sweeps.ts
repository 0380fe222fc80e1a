import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HeartbeatPublisher, Log, Repeating } from '@purser/service';
import { Billing } from './money/billing.service.js';
import { Reaper } from './reaping/reaper.service.js';
import { Strays } from './reaping/strays.service.js';
import { Reconciler } from './vms/reconciler.service.js';
import { VmRecords } from './vms/vm-records.js';

/** What happens by the clock. All of it may run on several managers at once. */
@Injectable()
export class Sweeps implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly all: Repeating[];

  constructor(
    private readonly reconciler: Reconciler,
    billing: Billing,
    reaper: Reaper,
    strays: Strays,
    private readonly records: VmRecords,
    private readonly heartbeat: HeartbeatPublisher,
    log: Log,
  ) {
    this.all = [
      new Repeating('looking after VMs', 1_000, () => reconciler.sweep(), log),
      new Repeating('billing VMs', 5_000, () => billing.sweep(), log),
      new Repeating('looking for forgotten VMs', 2_000, () => reaper.sweep(), log),
      new Repeating('watching what must not be there', 15_000, () => strays.watch(), log),
    ];
  }

  onApplicationBootstrap(): void {
    // While it speaks for them, the watchdog does not take the leases of its VMs for those of lost gateways.
    this.heartbeat.carry(async () => ({ gateways: await this.records.leaseholders() }));
    for (const sweep of this.all) sweep.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all([...this.all.map((sweep) => sweep.stop()), this.reconciler.stop()]);
  }
}
