import { Inject, Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { type ReplyOf, workHeartbeat } from '@purser/contracts';
import { CONFIG, Log } from '@purser/service';
import type { Config } from '../config.js';
import { SessionKeys } from '../keys/session-keys.service.js';
import type { Session } from '../sessions/session.js';
import { Sessions } from '../sessions/sessions.service.js';

const BEAT_MS = 2_000;
const CALL_MS = 1_500;
/** After one that failed; a lease is short. */
const AGAIN_MS = 500;
const WATCH_MS = 100;

/** Keeps the leases of all sessions of this runner, and stops those whose lease cannot be kept. */
@Injectable()
export class Heartbeats {
  private timer: NodeJS.Timeout | undefined;
  private watch: NodeJS.Timeout | undefined;
  private beating: Promise<void> | undefined;
  private renewing: Promise<void> | undefined;
  private failures = 0;
  private leaseMs = 4 * BEAT_MS;
  private stopped = true;
  private stoodStillMs = 0;

  constructor(
    private readonly bus: Bus,
    private readonly sessions: Sessions,
    private readonly keys: SessionKeys,
    private readonly log: Log,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** Whether leases can be renewed as far as is known, so that it makes sense to take more. */
  get healthy(): boolean {
    return this.bus.connected && this.failures === 0;
  }

  /** A claim told how long leases are: a short one wants its first heartbeat soon. */
  leasesLast(leaseMs: number): void {
    if (leaseMs >= this.leaseMs) return;
    this.leaseMs = leaseMs;
    this.schedule();
  }

  start(): void {
    this.stopped = false;
    this.schedule();
  }

  /** Sessions begin: until there are none, their leases are watched. */
  watchOver(): void {
    if (this.stopped) return;
    this.sessions.clock.watched();
    this.watch ??= setInterval(() => this.watchLeases(), WATCH_MS);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    this.unwatch();
    await this.beating;
    await this.renewing;
  }

  /** Never rejects. One at a time. */
  beat(): Promise<void> {
    this.beating ??= this.beatOnce().finally(() => {
      this.beating = undefined;
      this.schedule();
    });
    return this.beating;
  }

  private schedule(): void {
    clearTimeout(this.timer);
    if (this.stopped) return;
    const every = Math.min(BEAT_MS, this.leaseMs / 4);
    this.timer = setTimeout(() => void this.beat(), this.failures > 0 ? Math.min(AGAIN_MS, every) : every);
  }

  private async beatOnce(): Promise<void> {
    const sessions = this.sessions.list.filter((session) => session.lost === undefined);
    if (sessions.length === 0) {
      this.failures = 0;
      return;
    }
    const sentAt = this.sessions.clock.monotonic();
    try {
      const timeoutMs = Math.min(CALL_MS, this.leaseMs / 4);
      const reply = await this.bus.call(workHeartbeat, this.request(sessions), { timeoutMs });
      this.failures = 0;
      this.leaseMs = reply.leaseMs;
      const kept = this.apply(reply, sessions, sentAt);
      this.renewing ??= this.keys.renew(kept, reply.leaseMs).finally(() => (this.renewing = undefined));
    } catch (error) {
      this.failures += 1;
      if (this.failures === 2) this.log.warn({ error, sessions: sessions.length }, 'leases cannot be renewed');
    }
  }

  private request(sessions: readonly Session[]) {
    return {
      runner: this.bus.origin.instance,
      sessions: sessions.map(({ assignment: { taskId, epoch }, progress, checkpoint, signals }) => ({
        taskId,
        epoch,
        ...(progress ? { progress } : {}),
        ...(checkpoint ? { checkpoint } : {}),
        ...(signals.received > 0 ? { signals: signals.received } : {}),
      })),
    };
  }

  private apply(reply: ReplyOf<typeof workHeartbeat>, sessions: readonly Session[], sentAt: number): Session[] {
    const kept: Session[] = [];
    for (const { taskId, epoch, verdict, signals } of reply.sessions) {
      const session = sessions.find(({ assignment }) => assignment.taskId === taskId && assignment.epoch === epoch);
      if (!session) continue;
      if (verdict === 'lost') {
        // While it is being finished, the answer to that tells more: the finish may just have been carried out.
        if (session.isWorking) session.lose('a newer session owns the task');
        continue;
      }
      session.lease.renew(sentAt, reply.leaseMs);
      kept.push(session);
      if (signals) session.signals.take(signals);
      if (verdict === 'cancel') session.wrapUp({ kind: 'cancelled' });
      else if (verdict === 'pause') session.wrapUp({ kind: 'paused' });
    }
    return kept;
  }

  /** What was held before a sleep is held until the orchestrator says otherwise, which it is asked at once. */
  private askAfterAStandstill(): void {
    const { clock } = this.sessions;
    clock.monotonic();
    if (clock.stoodStillMs === this.stoodStillMs) return;
    const sleptMs = Math.round(clock.stoodStillMs - this.stoodStillMs);
    this.stoodStillMs = clock.stoodStillMs;
    this.log.warn({ sleptMs }, 'this process stood still; the leases are renewed before anything else');
    void this.beat();
  }

  private unwatch(): void {
    clearInterval(this.watch);
    this.watch = undefined;
    this.sessions.clock.unwatched();
  }

  private watchLeases(): void {
    const sessions = this.sessions.list;
    this.askAfterAStandstill();
    if (sessions.length === 0) this.unwatch();
    for (const session of sessions) {
      if (!session.isWorking || session.lost !== undefined) continue;
      const urgency = session.lease.urgency(this.config.PURSER_GRACE_MS);
      if (urgency === 'stop') session.lose('its lease could not be renewed');
      else if (urgency === 'wrap') session.wrapUp({ kind: 'lease' });
    }
  }
}
