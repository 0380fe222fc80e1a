import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { Clock, Log } from '@purser/service';
import { TaskUpkeep } from '../tasks/task-upkeep.js';
import { LapseGuard } from './lapse-guard.js';
import { SessionEnds } from './session-ends.js';
import { WorkRepository } from './work.repository.js';

const EVERY_MS = 500;
/** What only a crash leaves behind is looked for less often. */
const UPKEEP_EVERY = 10;

/** Looks twice a second for leases and deadlines that passed. Several orchestrators may do so at once. */
@Injectable()
export class Sweep implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly guard = new LapseGuard();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();
  private stopped = false;
  private looks = 0;
  private failing = false;

  constructor(
    private readonly work: WorkRepository,
    private readonly ends: SessionEnds,
    private readonly upkeep: TaskUpkeep,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.looking;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.looking = this.lookAround().finally(() => this.schedule());
    }, EVERY_MS);
  }

  private async lookAround(): Promise<void> {
    try {
      const { now, lapsed, overdue } = await this.work.look();
      const trusted = this.guard.mayLapse({
        monotonic: this.clock.monotonic(),
        database: now,
        busConnected: this.bus.connected,
      });
      if (lapsed && trusted) {
        const ended = await this.ends.lapse();
        if (ended.length > 0) this.log.warn({ ended }, 'sessions were lost: their runners did not renew the leases');
      }
      if (overdue) await this.upkeep.failOverdue();
      if (this.looks++ % UPKEEP_EVERY === 0) await this.upkeep.settleAll();
      this.upkeep.setBudgets();
      if (this.failing) this.log.info({}, 'leases are looked after again');
      this.failing = false;
    } catch (error) {
      this.guard.databaseAway();
      if (!this.failing) this.log.error({ error }, 'leases cannot be looked after; trying on');
      this.failing = true;
    }
  }
}
