import { Inject, Injectable } from '@nestjs/common';
import type { Assignment } from '@purser/contracts';
import { Clock, CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { Workspaces } from '../workspaces/workspaces.service.js';
import { AwakeClock } from './awake-clock.js';
import { Lease } from './lease.js';
import { RunnerMetrics } from './runner-metrics.js';
import { SessionRunner } from './session-runner.service.js';
import { Session } from './session.js';
import { labelOf, type StopCause } from './stop-cause.js';

/** That are told; the latest count. */
const MOST_HELD = 200;

/** The sessions that run here. */
@Injectable()
export class Sessions {
  private readonly running = new Map<string, Session>();
  private readonly onFree: (() => void)[] = [];
  /** Set once this runner shuts down: what still comes in is given back. */
  private closing: StopCause | undefined;
  /** What leases and sessions are measured by. */
  readonly clock: AwakeClock;

  constructor(
    private readonly runner: SessionRunner,
    clock: Clock,
    private readonly metrics: RunnerMetrics,
    private readonly workspaces: Workspaces,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.clock = new AwakeClock(clock);
    metrics.sessionsRunning(0);
  }

  get list(): Session[] {
    return [...this.running.values()];
  }

  get freeSlots(): number {
    return Math.max(0, this.config.PURSER_RUNNER_SLOTS - this.running.size);
  }

  /** Tasks that this runner had last, and whose work trees it still has. */
  get holds(): string[] {
    return this.workspaces.holds.filter((taskId) => !this.isRunning(taskId)).slice(-MOST_HELD);
  }

  whenFree(listener: () => void): void {
    this.onFree.push(listener);
  }

  isRunning(taskId: string): boolean {
    return this.list.some((session) => session.assignment.taskId === taskId);
  }

  /** `sentAt`: when the claim was sent. `cause`: why the session is to be given back at once, if it is. */
  start(assignment: Assignment, sentAt: number, leaseMs: number, cause?: StopCause): void {
    // The same claim was answered twice.
    if (this.running.has(assignment.sessionId)) return;
    const older = this.list.filter((session) => session.assignment.taskId === assignment.taskId);
    for (const session of older) session.lose('a newer session owns the task');
    const session = new Session(
      assignment,
      new Lease(this.clock, sentAt, leaseMs),
      this.config.PURSER_GRACE_MS,
      this.clock.monotonic(),
      (why) => this.metrics.wrapped(labelOf(why)),
      this.config.PURSER_EXTENSION_MAX_MS,
      () => this.clock.monotonic(),
    );
    this.running.set(session.id, session);
    this.metrics.sessionsRunning(this.running.size);
    const stop = cause ?? this.closing;
    if (stop) session.wrapUp(stop);
    void this.runner.run(session, Promise.all(older.map(({ stopped }) => stopped))).finally(() => this.remove(session));
  }

  /** Asks all to end; those that were at work. */
  wrapAll(cause: StopCause): Session[] {
    if (cause.kind === 'shutdown') this.closing = cause;
    const working = this.list.filter((session) => session.isWorking);
    for (const session of this.list) session.wrapUp(cause);
    return working;
  }

  private remove(session: Session): void {
    this.running.delete(session.id);
    this.metrics.sessionsRunning(this.running.size);
    session.end();
    for (const listener of this.onFree) listener();
  }
}
