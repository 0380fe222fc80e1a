import { Injectable } from '@nestjs/common';
import type { Acknowledgement, emergencyStatus, Latch as LatchState, ReplyOf } from '@purser/contracts';
import { PurserError } from '@purser/contracts';
import { Database } from '@purser/database';
import { Clock } from '@purser/service';
import { AlertsService, type NewAlert } from '../alerts/alerts.service.js';
import { LatchBucket } from './latch-bucket.js';
import { LatchStores } from './latch-stores.js';
import { type Decision, type LatchChange, LatchRepository } from './latch.repository.js';
import { within } from './within.js';

/** An emergency does not wait for a database. */
const PATIENCE_MS = 1_000;

/** The durable latch: set through whatever store can be reached, cleared only in all of them. */
@Injectable()
export class EmergencyService {
  constructor(
    private readonly database: Database,
    private readonly repository: LatchRepository,
    private readonly bucket: LatchBucket,
    private readonly stores: LatchStores,
    private readonly alerts: AlertsService,
    private readonly clock: Clock,
  ) {}

  /** Broadcasts what a transaction of others has set. Never rejects: the sweep tries on. */
  async announcePending(): Promise<void> {
    await this.stores.announcePending().catch(() => undefined);
  }

  /** When it is set already, that emergency stands. `evidence` is sent along when this call is the one that sets it. */
  async trigger(decision: Decision, evidence?: NewAlert): Promise<LatchState> {
    const known = await this.stores.newestKnown();
    let change: LatchChange;
    try {
      change = await within(PATIENCE_MS, 'Postgres', this.setInPostgres(decision, known, evidence));
    } catch {
      return this.triggerWithoutPostgres(decision, known, evidence);
    }
    // It is committed: what cannot be told now, the reconciling sweep tells as soon as NATS is back.
    await this.stores.spread(change.state).catch(() => undefined);
    return change.state;
  }

  private setInPostgres(decision: Decision, known: LatchState | undefined, evidence?: NewAlert): Promise<LatchChange> {
    return this.database.transaction(async (tx) => {
      if (known) await this.repository.adopt(tx, known);
      const change = await this.repository.set(tx, decision, this.clock.now());
      if (!change.changed) return change;
      for (const alert of alertsOf(change.state, evidence)) await this.alerts.add(tx, alert);
      if (evidence) await this.repository.keepEvidence(tx, change.state.serial, evidence);
      return change;
    });
  }

  private async triggerWithoutPostgres(
    decision: Decision,
    known: LatchState | undefined,
    evidence?: NewAlert,
  ): Promise<LatchState> {
    if (known?.active) return known;
    const { by, reason } = decision;
    const state = { serial: (known?.serial ?? 0) + 1, active: true, by, reason, at: this.clock.now().toISOString() };
    await this.stores.spread(state);
    for (const alert of alertsOf(state, evidence)) await this.alerts.shout(alert);
    return state;
  }

  /**
   * The bucket is written before Postgres commits, and when it cannot be, nothing is cleared. Should Postgres fail in the
   * instant between, the caller hears so, and the reconciling sweep ends with what this person decided: cleared.
   */
  async reset(decision: Decision): Promise<LatchState> {
    const known = await this.stores.newestKnown();
    const { changed, state } = await this.database
      .transaction(async (tx) => {
        if (known) await this.repository.adopt(tx, known);
        const change = await this.repository.clear(tx, decision, this.clock.now());
        if (change.changed) {
          await this.alerts.add(tx, clearedAlert(change.state));
          await this.bucket.write(change.state).catch((cause: unknown) => {
            throw notCleared('the NATS bucket "emergency"', cause);
          });
        }
        return change;
      })
      .catch((cause: unknown) => {
        const bucketFailed = cause instanceof PurserError && cause.details.store !== undefined;
        throw bucketFailed ? cause : notCleared('Postgres', cause);
      });
    if (changed) await this.stores.spread(state).catch(() => undefined);
    return state;
  }

  async status(): Promise<ReplyOf<typeof emergencyStatus>> {
    const latch = await this.stores.newestKnown();
    if (!latch)
      throw new PurserError('unavailable', { message: 'neither Postgres nor NATS tells the state of the latch' });
    // Without Postgres the latch can still be told, from the bucket; who acknowledged cannot.
    const acknowledgements = await this.repository.acknowledgements(this.database, latch.serial).catch(() => []);
    return { latch, acknowledgements };
  }

  acknowledge(acknowledgements: readonly Acknowledgement[]): Promise<void> {
    return this.repository.acknowledge(this.database, acknowledgements);
  }
}

const notCleared = (store: string, cause: unknown): PurserError =>
  new PurserError('unavailable', {
    message: `the latch is not cleared: ${store} cannot be written (${cause instanceof Error ? cause.message : String(cause)}). Try again when it is back.`,
    details: { store },
    cause,
  });

const alertsOf = (state: LatchState, evidence: NewAlert | undefined): NewAlert[] => [
  {
    severity: 'critical',
    kind: 'emergency',
    title: `Emergency shutdown by ${state.by}: ${state.reason}`,
    details: { ...state },
  },
  ...(evidence ? [evidence] : []),
];

const clearedAlert = (state: LatchState): NewAlert => ({
  severity: 'info',
  kind: 'emergency_cleared',
  title: `The emergency was cleared by ${state.by}: ${state.reason}`,
  details: { ...state },
});
