import type { Clock } from '@purser/service';

/** What has to happen while a lease runs out: nothing yet, wrap up, stop at once. */
export type LeaseUrgency = 'none' | 'wrap' | 'stop';

/** Between the end of a session's processes and the end of its lease, so that both runners are never at work. */
const MARGIN_MS = 1_000;
/** The same when this runner stands still and others have to end them: after it would have done so itself. */
const UNATTENDED_MARGIN_MS = 500;

/** How long a session may go on without being renewed, by this machine's monotonic clock. */
export class Lease {
  private until: number;

  /** `sentAt`: when the request was sent that was answered with the lease; it began later than that. */
  constructor(
    private readonly clock: Clock,
    sentAt: number,
    private lengthMs: number,
  ) {
    this.until = sentAt + lengthMs;
  }

  renew(sentAt: number, lengthMs: number): void {
    this.lengthMs = lengthMs;
    this.until = Math.max(this.until, sentAt + lengthMs);
  }

  get remainingMs(): number {
    return this.until - this.clock.monotonic();
  }

  /** How long its processes may go on from now without this runner. */
  get unattendedMs(): number {
    return Math.max(0, this.remainingMs - Math.min(UNATTENDED_MARGIN_MS, this.lengthMs / 16));
  }

  get over(): boolean {
    return this.remainingMs <= 0;
  }

  /** A grace period that is longer than the lease is cut, so that two heartbeats that went wrong do not stop a session. */
  urgency(graceMs: number): LeaseUrgency {
    const margin = Math.min(MARGIN_MS, this.lengthMs / 8);
    if (this.remainingMs <= margin) return 'stop';
    return this.remainingMs <= Math.min(graceMs + margin, this.lengthMs * 0.4) ? 'wrap' : 'none';
  }
}
