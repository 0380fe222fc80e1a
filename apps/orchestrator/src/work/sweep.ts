import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { Clock, Log, untilTick } from '@purser/service';
import { TaskUpkeep } from '../tasks/task-upkeep.js';
import { LapseGuard } from './lapse-guard.js';
import { SessionEnds } from './session-ends.js';
import { Sights } from './sights.js';

/** At most so long between two looks, and twice as long at rest (see Sights): another orchestrator may have handed out a short lease. */
const IDLE_MS = 2_000;
/** At least so long, while lapses are not believed or come in a row. */
const BUSY_MS = 100;
const AFTER_A_FAILURE_MS = 500;
/** What only a crash leaves behind is looked for less often. */
const UPKEEP_MS = 10_000;
const IDLE_UPKEEP_MS = 60_000;

/** Looks for leases and deadlines that passed, the next time when the first lease ends. Several orchestrators may do so at once. */
@Injectable()
export class Sweep implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly guard = new LapseGuard();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> = Promise.resolve();
  private stopped = false;
  private keptUpAt = -Infinity;
  private failing = false;

  constructor(
    private readonly sights: Sights,
    private readonly ends: SessionEnds,
    private readonly upkeep: TaskUpkeep,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.schedule(BUSY_MS);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.looking;
  }

  private schedule(afterMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.looking = this.lookAround().then((nextMs) => this.schedule(nextMs));
    }, afterMs);
  }

  /** Never rejects. @returns when to look again */
  private async lookAround(): Promise<number> {
    try {
      const sight = await this.sights.look();
      if (!sight) {
        this.guard.atRest(this.clock.monotonic());
        return untilTick(IDLE_MS);
      }
      const { now, nextLapseMs, nextReadyMs, overdue, anyBlocked, withoutBudget } = sight;
      const trusted = this.guard.mayLapse({
        monotonic: this.clock.monotonic(),
        database: now,
        busConnected: this.bus.connected,
      });
      if (nextLapseMs !== null && nextLapseMs < 0 && trusted) {
        const ended = await this.ends.lapse();
        if (ended.length > 0) this.log.warn({ ended }, 'sessions were lost: their runners did not renew the leases');
      }
      if (nextReadyMs !== null && nextReadyMs <= 0) await this.upkeep.letGo();
      if (overdue) await this.upkeep.failOverdue();
      await this.keepUp(anyBlocked, sight.anyOpen ? UPKEEP_MS : IDLE_UPKEEP_MS);
      if (withoutBudget) this.upkeep.setBudgets();
      if (this.failing) this.log.info({}, 'leases are looked after again');
      this.failing = false;
      const next = Math.min(nextLapseMs ?? Infinity, nextReadyMs ?? Infinity);
      return Math.min(untilTick(IDLE_MS), Math.max(BUSY_MS, Math.ceil(next)));
    } catch (error) {
      this.guard.databaseAway();
      if (!this.failing) this.log.error({ error }, 'leases cannot be looked after; trying on');
      this.failing = true;
      return AFTER_A_FAILURE_MS;
    }
  }

  private async keepUp(anyBlocked: boolean, everyMs: number): Promise<void> {
    const now = this.clock.monotonic();
    if (now - this.keptUpAt < everyMs) return;
    await this.upkeep.settleAll(anyBlocked);
    this.keptUpAt = now;
  }
}
