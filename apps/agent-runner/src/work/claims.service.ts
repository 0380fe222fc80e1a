import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { isPurserError, type RequestOf, workClaim } from '@purser/contracts';
import { Latch, Log } from '@purser/service';
import { Executors } from '../executors/executors.js';
import { Sessions } from '../sessions/sessions.service.js';
import type { StopCause } from '../sessions/stop-cause.js';
import { Heartbeats } from './heartbeats.service.js';

const POLL_MS = 2_000;
const CALL_MS = 3_000;
/** While this runner itself may not ask; that costs nobody anything to look at. */
const BLOCKED_MS = 250;
/** Asks for sessions whenever there is a free slot. */
@Injectable()
export class Claims {
  /** The one that got no answer: it may have been carried out, so it is repeated as it was. */
  private pending: RequestOf<typeof workClaim> | undefined;
  private running: Promise<void> | undefined;
  private stopped = false;
  private nudged = false;
  private spreadMs = 0;
  private wake: () => void = () => undefined;
  private failures = 0;

  constructor(
    private readonly bus: Bus,
    private readonly sessions: Sessions,
    private readonly heartbeats: Heartbeats,
    private readonly executors: Executors,
    private readonly latch: Latch,
    private readonly log: Log,
  ) {
    sessions.whenFree(() => this.nudge());
  }

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.wake();
    await this.running;
  }

  /** There may be work: asks at once, or within `spreadMs`, so that a nudge does not bring many runners at one moment. */
  nudge(spreadMs = 0): void {
    this.spreadMs = this.nudged ? Math.min(this.spreadMs, spreadMs) : spreadMs;
    this.nudged = true;
    this.wake();
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      this.nudged = false;
      const blocked = this.latch.isSet || !this.heartbeats.healthy;
      const more = !blocked && (await this.claim());
      if (more || this.stopped) continue;
      await this.pause(blocked ? BLOCKED_MS : POLL_MS * (0.75 + Math.random() / 2));
      if (this.nudged && this.spreadMs > 0) await this.pause(Math.random() * this.spreadMs, false);
    }
  }

  private pause(ms: number, breakable = true): Promise<void> {
    if (breakable && (this.nudged || this.stopped)) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.wake = breakable ? done : () => undefined;
    });
  }

  /** Whether it gave work and there may be more. Never rejects. */
  private async claim(): Promise<boolean> {
    const slots = this.sessions.freeSlots;
    const executors = this.executors.names;
    if (slots === 0 || executors.length === 0) return false;
    const request = (this.pending ??= {
      requestId: randomUUID(),
      runner: this.bus.origin.instance,
      slots,
      executors,
    });
    // Of this try: what an earlier one was given is renewed by the one that is answered.
    const sentAt = this.sessions.clock.monotonic();
    try {
      const { leaseMs, assignments } = await this.bus.call(workClaim, request, { timeoutMs: CALL_MS });
      this.pending = undefined;
      this.failures = 0;
      this.heartbeats.leasesLast(leaseMs);
      for (const assignment of assignments) this.sessions.start(assignment, sentAt, leaseMs, this.refusal());
      if (assignments.length > 0) this.heartbeats.watchOver();
      return assignments.length > 0 && this.sessions.freeSlots > 0;
    } catch (error) {
      this.failures += 1;
      this.pending = isPurserError(error) && error.retryable ? { ...request, again: true } : undefined;
      if (this.failures === 3) this.log.warn({ error }, 'no work can be claimed; it is tried again');
      return false;
    }
  }

  /** What changed while the claim was on its way. */
  private refusal(): StopCause | undefined {
    if (!this.latch.isSet) return undefined;
    const state = this.latch.latest;
    return {
      kind: 'emergency',
      reason: state?.active ? `${state.reason} (by ${state.by})` : 'the state of the emergency latch is not known',
    };
  }
}
