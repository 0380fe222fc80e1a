import { type ExecutorSession, reasonOf } from '@purser/plugin-sdk';

/** Of the grace period: how long the unit at hand may still go on, and when the last words must be written. */
const UNIT_SHARE = 0.3;
const WRITE_SHARE = 0.2;
const MOST_WRITE_MS = 1_500;
/** For a session that ends by its own wish. */
const OWN_WRAP_MS = 60_000;

/** When the session has to stop doing what. */
export class StopTimes {
  /** Aborted when the unit at hand is to be cut off. */
  readonly unit: AbortSignal;
  private readonly session: ExecutorSession;
  private readonly cutting = new AbortController();
  private cut: NodeJS.Timeout | undefined;
  private wrappedAt: number | undefined;

  constructor(session: ExecutorSession) {
    this.session = session;
    this.unit = this.cutting.signal;
    session.wrap.addEventListener('abort', this.onWrap, { once: true });
    session.kill.addEventListener('abort', this.onKill, { once: true });
    if (session.wrap.aborted) this.onWrap();
    if (session.kill.aborted) this.onKill();
  }

  get asked(): string | undefined {
    const signal = [this.session.kill, this.session.wrap].find(({ aborted }) => aborted);
    return signal && reasonOf(signal);
  }

  get killed(): boolean {
    return this.session.kill.aborted;
  }

  /** For the handoff: aborted when it is time to write what there is. */
  lastTurn(): AbortSignal {
    const { graceMs, kill, wrap } = this.session;
    const write = Math.min(MOST_WRITE_MS, graceMs * WRITE_SHARE);
    const wrapped = (at: number): number => Math.max(0, Math.floor(at + graceMs - write - performance.now()));
    if (this.wrappedAt !== undefined) return AbortSignal.any([kill, AbortSignal.timeout(wrapped(this.wrappedAt))]);
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(new Error('no time left')), OWN_WRAP_MS);
    timer.unref();
    wrap.addEventListener('abort', () => controller.abort(new Error('no time left')), { once: true });
    return AbortSignal.any([kill, controller.signal]);
  }

  release(): void {
    clearTimeout(this.cut);
    this.session.wrap.removeEventListener('abort', this.onWrap);
    this.session.kill.removeEventListener('abort', this.onKill);
  }

  private readonly onWrap = (): void => {
    this.wrappedAt ??= performance.now();
    const { graceMs, wrap } = this.session;
    this.cut ??= setTimeout(() => this.cutting.abort(new Error(reasonOf(wrap))), graceMs * UNIT_SHARE);
  };

  private readonly onKill = (): void => this.cutting.abort(new Error(reasonOf(this.session.kill)));
}
