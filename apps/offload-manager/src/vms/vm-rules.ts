import { Inject, Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { PurserError } from '@purser/contracts';
import { Clock, CONFIG, Latch } from '@purser/service';
import type { Config } from '../config.js';
import { PACE } from './pace.js';
import type { VmRow } from './vm-row.js';

type Settings = Pick<
  Config,
  'HYBRID_ORCHESTRATION_ENABLED' | 'HYBRID_ORCHESTRATION_DRY_RUN' | 'PURSER_VM_SETTLE_SECONDS' | 'MAX_VM_LIFETIME_HOURS'
>;

/** Looks that lie further apart mean that this process was stopped, or had no database: it heard nothing then. */
const LONGEST_GAP_MS = 30_000;

/** When a VM may come to be, and when it has to go. */
@Injectable()
export class VmRules {
  /** Silence before this process could have heard anything proves nothing. */
  private since: number;
  private lookedAt: number;

  constructor(
    private readonly bus: Bus,
    private readonly latch: Latch,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly config: Settings,
  ) {
    this.since = this.lookedAt = clock.now().getTime();
  }

  /** To be told of every look at the records, about once a second. */
  looked(): void {
    const now = this.clock.now().getTime();
    if (!this.bus.connected || now - this.lookedAt > LONGEST_GAP_MS) this.since = now;
    this.lookedAt = now;
  }

  /** For how long this process has been able to hear anything. */
  get hearingMs(): number {
    return this.clock.now().getTime() - this.since;
  }

  /** Turned off, nothing new is made, and what is not there yet is given up. */
  get isOff(): boolean {
    return !this.config.HYBRID_ORCHESTRATION_ENABLED;
  }

  get dry(): boolean {
    return this.config.HYBRID_ORCHESTRATION_DRY_RUN;
  }

  /** Why nothing new may be made now; undefined when it may. */
  get forbidden(): PurserError | undefined {
    const no = (code: 'conflict' | 'emergency', why: string) =>
      new PurserError(code, { message: `no VM is created: ${why}` });
    if (this.isOff) return no('conflict', 'HYBRID_ORCHESTRATION_ENABLED is false');
    if (this.dry) return no('conflict', 'HYBRID_ORCHESTRATION_DRY_RUN is on');
    return this.latch.isSet ? no('emergency', 'the emergency latch is set, or cannot be read') : undefined;
  }

  expiryFrom(now: Date): Date {
    return new Date(now.getTime() + Math.ceil(this.config.MAX_VM_LIFETIME_HOURS * 3_600_000));
  }

  /** Why a request that was not followed by a call yet comes to nothing. */
  undone(row: VmRow): string | undefined {
    if (this.forbidden) return this.forbidden.message;
    return this.ago(row.since) > PACE.requestMs ? 'not created: its request was cut off' : undefined;
  }

  /** Why one that is or may be there has to go now. */
  endOf(row: VmRow): string | undefined {
    if (this.latch.latest?.active === true) return `emergency: ${this.latch.latest.reason}`;
    if (row.expires_at.getTime() <= this.clock.now().getTime()) return 'its lifetime is over';
    if (row.state === 'draining' && this.ago(row.since) > PACE.drainMs) return row.reason;
    if (row.state === 'creating' && this.ago(row.since) > PACE.createMs)
      return `not ready within ${PACE.createMs / 60_000} minutes: ${row.reason}`;
    const spoke = Math.max(row.heard_at?.getTime() ?? 0, row.ready_at?.getTime() ?? 0, this.since);
    const silent = row.state === 'ready' && this.clock.now().getTime() - spoke > PACE.silenceMs;
    return silent ? `its agent has been silent for ${PACE.silenceMs / 1_000} s` : undefined;
  }

  /**
   * A call whose outcome nobody knows may still be under way: that nothing is seen proves nothing yet. It may repeat its
   * request until its time is over, and the last one may still have an effect after that.
   */
  isSettled(row: VmRow): boolean {
    return row.created_at !== null || this.settledAt(row) <= this.clock.now();
  }

  settledAt({ called_at: calledAt }: VmRow): Date {
    if (calledAt === null) return new Date(0);
    return new Date(calledAt.getTime() + PACE.callMs + this.config.PURSER_VM_SETTLE_SECONDS * 1_000);
  }

  private ago(at: Date | null): number {
    return at === null ? Infinity : this.clock.now().getTime() - at.getTime();
  }
}
