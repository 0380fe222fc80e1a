import { type Assignment, type CheckpointMark, type Progress, PurserError } from '@purser/contracts';
import type { Level, Usage } from '../resources/resources.service.js';
import { SessionMeter } from '../resources/session-meter.js';
import { Grace } from './grace.js';
import type { Lease } from './lease.js';
import { Measuring } from './measuring.js';
import { SessionSignals } from './session-signals.js';
import { inWords, type StopCause } from './stop-cause.js';

/** The executor stops at the end of the grace period by itself; this much later it is told to. */
const SLACK_MS = 250;
/** By then calls of before are in the ledger, and what is new there is of calls that came later. */
const SETTLED_MS = 10_000;
/** Causes that wait for no unit. */
const URGENT: ReadonlySet<StopCause['kind']> = new Set(['emergency', 'lease', 'shutdown']);

/** The state of one session that runs here: its lease, what it was asked to do, and what it has reported. */
export class Session {
  progress: Progress | undefined;
  checkpoint: CheckpointMark | undefined;
  /** Why it was asked to end; the first cause counts, except that a cancelled task stays cancelled. */
  cause: StopCause | undefined;
  private refusal: { why: string; at: number; requests: number } | undefined;
  /** Why it may not write any more, once that is so. */
  lost: string | undefined;
  readonly signals = new SessionSignals();
  /** Nothing of it runs any more. */
  readonly stopped: Promise<void>;
  /** It was finished and cleared away. */
  readonly ended: Promise<void>;
  readonly measuring: Measuring;
  private readonly wrapping = new AbortController();
  private readonly killing = new AbortController();
  private readonly hurrying = new AbortController();
  readonly grace: Grace;
  readonly meter: SessionMeter;
  private graceTimer: NodeJS.Timeout | undefined;
  private hurryTimer: NodeJS.Timeout | undefined;
  private working = true;
  private resolveStopped!: () => void;
  private resolveEnded!: () => void;
  private tell: (line: string) => void = () => undefined;

  constructor(
    readonly assignment: Assignment,
    readonly lease: Lease,
    graceMs: number,
    /** By the monotonic clock. */
    startedAt: number,
    private readonly onWrap: (cause: StopCause) => void,
    mostExtensionMs = 0,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.grace = new Grace(graceMs, mostExtensionMs, now);
    const seconds = () => Math.max(0, now() - startedAt) / 1_000;
    this.meter = new SessionMeter(assignment, seconds);
    this.measuring = new Measuring(() => ({ seconds: seconds(), tokens: this.usage.tokens }));
    this.stopped = new Promise((resolve) => (this.resolveStopped = resolve));
    this.ended = new Promise((resolve) => (this.resolveEnded = resolve));
  }

  get id(): string {
    return this.assignment.sessionId;
  }

  get writer(): { taskId: string; sessionId: string; epoch: number } {
    const { taskId, sessionId, epoch } = this.assignment;
    return { taskId, sessionId, epoch };
  }

  get usage(): Usage {
    return this.meter.usage;
  }

  get level(): Level {
    return this.meter.level;
  }

  get wrap(): AbortSignal {
    return this.wrapping.signal;
  }

  get kill(): AbortSignal {
    return this.killing.signal;
  }

  /** Aborted when what is done after its work has to end too, so that its end can still be told. */
  get hurry(): AbortSignal {
    return this.hurrying.signal;
  }

  /** Whether nobody waits for this runner, or this task, to be done with it. */
  get hasTime(): boolean {
    return this.cause === undefined || !(URGENT.has(this.cause.kind) || this.cause.kind === 'cancelled');
  }

  /** Until its executor has returned; what stops a session has no sense afterwards. */
  get isWorking(): boolean {
    return this.working;
  }

  /** Where the session's own remarks go: its log. */
  sayTo(tell: (line: string) => void): void {
    this.tell = tell;
  }

  say(line: string): void {
    this.tell(line);
  }

  /** Takes what can be sent on: a program may report anything. */
  report({ done, total, note }: Progress): void {
    this.progress = {
      ...(Number.isFinite(done) ? { done } : {}),
      ...(Number.isFinite(total) ? { total } : {}),
      ...(note === undefined ? {} : { note: note.slice(0, 500) }),
    };
    this.measuring.progressed(this.progress);
    this.meter.progressed(this.progress);
    this.look(true);
  }

  /** Acts on what the rules make of what it has used. `betweenUnits`: a unit was just reported. */
  look(betweenUnits: boolean): void {
    const { level, resource, reason } = this.meter.assess(betweenUnits);
    const before = this.meter.level;
    this.meter.level = level;
    if (resource === undefined || reason === undefined) return;
    if (level === 'stop') this.stopNow({ kind: 'resource', resource, reason });
    else if (level === 'wrap') this.wrapUp({ kind: 'resource', resource, reason });
    else if (level === 'warning' && before === 'healthy') this.say(`warning: ${reason}`);
  }

  /** Asks it to finish the unit at hand, and kills it at the end of the grace period. */
  wrapUp(cause: StopCause): void {
    if (!this.working) {
      if (URGENT.has(cause.kind)) this.hurryUp(cause);
      return;
    }
    const first = this.cause === undefined;
    if (first || cause.kind === 'cancelled') this.cause = cause;
    const shorter = URGENT.has(cause.kind) && this.grace.cut();
    if (!first) {
      if (shorter) this.killWhenGraceEnds(cause);
      return;
    }
    this.onWrap(cause);
    this.say(`wrap up: ${inWords(cause)}`);
    this.grace.begin();
    this.meter.wraps();
    this.killWhenGraceEnds(cause);
    this.wrapping.abort(inWords(cause));
  }

  /** Its work is done already, and is being kept. */
  private hurryUp(cause: StopCause): void {
    this.hurryTimer ??= setTimeout(() => this.hurrying.abort(inWords(cause)), this.grace.standardMs);
  }

  /** A program in a long unit may have asked for more time meanwhile; then it is looked at again when that ends. */
  private killWhenGraceEnds(cause: StopCause): void {
    clearTimeout(this.graceTimer);
    this.graceTimer = setTimeout(() => {
      if (this.grace.leftMs > 0) this.killWhenGraceEnds(cause);
      else this.killing.abort(`${inWords(cause)}; the grace period is over`);
    }, this.grace.leftMs + SLACK_MS);
  }

  /** Stops it at once; it may still write what it saved, and is finished in order. */
  stopNow(cause: StopCause): void {
    if (!this.working || this.kill.aborted) return;
    this.wrapUp(cause);
    this.say(`stopped: ${inWords(cause)}`);
    this.killing.abort(inWords(cause));
  }

  /** Stops it at once, and it must not write any more. */
  lose(why: string): void {
    if (this.lost !== undefined) return;
    this.lost = why;
    this.wrapping.abort(why);
    this.killing.abort(why);
  }

  /** A call of it was refused, since no budget covers it. */
  foundNoMoney(why: string): void {
    this.refusal = { why, at: this.now(), requests: this.usage.requests ?? 0 };
  }

  /** Why it could not go on, as far as is known; not when it made other calls long after the one that was refused. */
  get noMoney(): string | undefined {
    if (!this.refusal) return undefined;
    const { why, at, requests } = this.refusal;
    return (this.usage.requests ?? 0) > requests && this.now() - at > SETTLED_MS ? undefined : why;
  }

  /** A write of it was refused. */
  refused(): void {
    this.lose(this.lease.over ? 'its lease is over' : 'a newer session owns the task');
  }

  /** To be asked right before each write: after a SIGSTOP or a suspended machine the lease may have gone unnoticed. */
  assertMayWrite(): void {
    if (this.lost === undefined && !this.lease.over) return;
    const { taskId, epoch } = this.assignment;
    throw new PurserError('stale_epoch', {
      message: `session of epoch ${epoch} of task ${taskId} may not write: ${this.lost ?? 'its lease is over'}`,
      details: { taskId, epoch },
    });
  }

  /** The executor has returned. */
  workDone(): void {
    this.working = false;
    clearTimeout(this.graceTimer);
    this.resolveStopped();
  }

  end(): void {
    this.workDone();
    clearTimeout(this.hurryTimer);
    this.resolveEnded();
  }
}
