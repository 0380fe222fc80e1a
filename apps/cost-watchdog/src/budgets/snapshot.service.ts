import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { BUCKETS, type budgetsChanged, type BudgetsSnapshot, type BudgetStatus, type ReplyOf } from '@purser/contracts';
import { Database } from '@purser/database';
import { Clock, Log } from '@purser/service';
import { statusOf } from './budget-row.js';
import { BudgetsRepository, type Only } from './budgets.repository.js';

const KEY = 'snapshot';
const TRIES = 5;
const MOST_NAMED = 1_000;

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

  async read(only: Pick<Only, 'task' | 'only'> = {}): Promise<BudgetsSnapshot> {
    // The revisions first: figures may be newer than what they say, never older.
    const { revision, taskBudgetsRevision } = await this.budgets.revisions(this.database);
    const rows = await this.budgets.statuses(this.database, this.clock.now(), only);
    return { revision, taskBudgetsRevision, budgets: rows.map(statusOf) };
  }

  async changedSince(since: number): Promise<ReplyOf<typeof budgetsChanged>> {
    const { taskBudgetsRevision } = await this.budgets.revisions(this.database);
    const tasks = await this.budgets.tasksChangedSince(this.database, since, MOST_NAMED + 1);
    return { taskBudgetsRevision, tasks: tasks.length > MOST_NAMED ? null : tasks };
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
