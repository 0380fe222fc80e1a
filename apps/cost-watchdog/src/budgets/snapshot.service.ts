import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { BUCKETS, type BudgetsSnapshot, type BudgetStatus } from '@purser/contracts';
import { Database } from '@purser/database';
import { Clock, Log } from '@purser/service';
import { statusOf } from './budget-row.js';
import { BudgetsRepository } from './budgets.repository.js';

const KEY = 'snapshot';
const TRIES = 5;

/** What gateways and other tools read: all budgets that matter now, in the bucket `budgets`. */
@Injectable()
export class SnapshotService {
  private due = true;
  private publishing: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly budgets: BudgetsRepository,
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  async read(only: { task?: string } = {}): Promise<BudgetsSnapshot> {
    // The revision first: figures may be newer than what it says, never older.
    const revision = await this.budgets.revision(this.database);
    const rows = await this.budgets.statuses(this.database, this.clock.now(), only);
    return { revision, budgets: rows.map(statusOf) };
  }

  async one(id: string): Promise<BudgetStatus | undefined> {
    const [row] = await this.budgets.statuses(this.database, this.clock.now(), { id });
    return row && statusOf(row);
  }

  /** Figures have changed; the next sweep writes them. */
  touch(): void {
    this.due = true;
  }

  async publishDue(): Promise<void> {
    if (this.due) await this.publish();
  }

  /** Never rejects: gateways also ask when their copy is old. Thousands of changes at once become a few writes. */
  async publish(): Promise<void> {
    this.due = true;
    while (this.due) {
      this.publishing ??= this.writeNow().finally(() => (this.publishing = undefined));
      const failed = await this.publishing.then(
        () => false,
        (error: unknown) => {
          this.due = true;
          this.log.debug({ error }, 'the budgets were not written to their bucket');
          return true;
        },
      );
      if (failed) return;
    }
  }

  private async writeNow(): Promise<void> {
    if (!this.bus.connected) throw new Error('NATS is not connected');
    this.due = false;
    const bucket = await this.bus.bucket(BUCKETS.budgets);
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      // Read before the database and written only if nobody wrote since, so that an older state never replaces a newer one.
      const kept = await bucket.get(KEY);
      const snapshot = await this.read();
      const text = JSON.stringify(snapshot);
      const written = await (kept ? bucket.update(KEY, text, kept.revision) : bucket.create(KEY, text)).catch(
        (error: unknown) => {
          if (attempt === TRIES) throw error;
        },
      );
      if (written !== undefined) return;
    }
  }
}
