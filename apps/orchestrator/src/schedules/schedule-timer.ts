import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { schedulesChanged } from '@purser/contracts';
import { Clock, Log, untilTick } from '@purser/service';
import { Firing } from './firing.service.js';
import { SchedulesRepository } from './schedules.repository.js';

/** Asks Postgres at least so often: a change may not have been told, and clocks jump. */
const LOOK_MS = 30_000;
/** Looks at the clock so often, and asks nobody: a timer stands still while the machine sleeps. */
const GLANCE_MS = 1_000;
/** What is due is held by another orchestrator, which fires it. */
const BUSY_MS = 200;
const AFTER_A_FAILURE_MS = 1_000;

/** Sleeps until the next schedule is due, and fires it. Several orchestrators may do so at once. */
@Injectable()
export class ScheduleTimer implements OnApplicationBootstrap, OnModuleDestroy {
  private timer: NodeJS.Timeout | undefined;
  private rounds: Promise<void> = Promise.resolve();
  private running = false;
  private stopped = false;
  private mustLook = true;
  private nextAt: number | null = null;
  private lookedAt = -Infinity;
  private failing = false;

  constructor(
    private readonly firing: Firing,
    private readonly schedules: SchedulesRepository,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.after(0);
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.rounds;
  }

  /** Something was changed here: the other orchestrators are told. */
  changed(): void {
    this.look();
    if (!this.bus.connected) return;
    this.bus
      .publish(schedulesChanged, undefined, {})
      .catch((error: unknown) => this.log.debug({ error }, 'others were not told of a changed schedule'));
  }

  /** At once, whatever was known of the next one. */
  look(): void {
    this.mustLook = true;
    if (!this.running) this.after(0);
  }

  private after(ms: number): void {
    clearTimeout(this.timer);
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.running = true;
      this.rounds = this.round().then((nextMs) => {
        this.running = false;
        this.after(this.mustLook ? 0 : nextMs);
      });
    }, ms);
  }

  /** Never rejects. @returns when to come again */
  private async round(): Promise<number> {
    const known = this.clock.monotonic() - this.lookedAt < LOOK_MS;
    if (known && !this.mustLook && !this.isDue()) return this.untilNext();
    this.mustLook = false;
    try {
      this.nextAt = await this.schedules.nextDue();
      if (this.isDue()) await this.fireAll();
      this.lookedAt = this.clock.monotonic();
      if (this.failing) this.log.info({}, 'schedules are fired again');
      this.failing = false;
      return this.isDue() ? BUSY_MS : this.untilNext();
    } catch (error) {
      if (!this.failing) this.log.error({ error }, 'schedules cannot be fired; trying on');
      this.failing = true;
      this.lookedAt = -Infinity;
      return AFTER_A_FAILURE_MS;
    }
  }

  private async fireAll(): Promise<void> {
    let more = true;
    while (more && !this.stopped) more = await this.firing.fireNext();
    this.nextAt = await this.schedules.nextDue();
  }

  private isDue(): boolean {
    return this.nextAt !== null && this.clock.now().getTime() >= this.nextAt;
  }

  private untilNext(): number {
    const left = (this.nextAt ?? Infinity) - this.clock.now().getTime();
    return Math.min(untilTick(GLANCE_MS), Math.max(1, left));
  }
}
