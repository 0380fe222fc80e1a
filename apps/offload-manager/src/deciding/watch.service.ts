import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock, CONFIG, Log, Repeating } from '@purser/service';
import type { Config } from '../config.js';
import { Decider } from './decider.service.js';
import { Situations } from './situations.service.js';

/** Memory is read so often; how components stand and what VMs cost only when something is to be decided. */
const LOOK_MS = 5_000;
/** Without any component only every so-manieth decision is made: it can only say once more that there is nothing to move. */
const IDLE_INTERVALS = 10;
const HOUR_MS = 3_600_000;

/** Has it decided at every interval, and as soon as memory is critical. */
@Injectable()
export class Watch implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly sweeps: Repeating[];
  private decidedAt = -Infinity;

  constructor(
    private readonly situations: Situations,
    private readonly decider: Decider,
    @Inject(CONFIG) private readonly config: Config,
    private readonly clock: Clock,
    log: Log,
  ) {
    const everyMs = Math.min(LOOK_MS, config.HEALTH_CHECK_INTERVAL_SECONDS * 1000);
    this.sweeps = [
      new Repeating('deciding what moves', everyMs, () => this.look(), log),
      new Repeating('forgetting old decisions', HOUR_MS, () => decider.forget(clock.now()), log),
    ];
  }

  onApplicationBootstrap(): void {
    for (const sweep of this.sweeps) sweep.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.sweeps.map((sweep) => sweep.stop()));
  }

  private async look(): Promise<void> {
    const { pressure } = await this.situations.readMemory();
    const idle = this.situations.isEmpty;
    const intervalMs = this.config.HEALTH_CHECK_INTERVAL_SECONDS * 1000 * (idle ? IDLE_INTERVALS : 1);
    // A run of the sweep may come a little early.
    const due = this.clock.monotonic() - this.decidedAt >= intervalMs - LOOK_MS / 2;
    if (!due && (idle || pressure !== 'critical')) return;
    this.decidedAt = this.clock.monotonic();
    await this.decider.decideInTurn(this.clock.now(), intervalMs * 3);
  }
}
