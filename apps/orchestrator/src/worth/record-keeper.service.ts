import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Database } from '@purser/database';
import { Clock, Log, Ticker } from '@purser/service';
import { LedgerSums } from './ledger-sums.js';
import { RecordsRepository } from './records.repository.js';

const LOOK_MS = 5_000;
/** Without a sign of ended tasks only every so-manieth is made, for what another orchestrator left. */
const IDLE_LOOKS = 12;
/** The ledger is complete within about a second of a task's last call. */
const AFTER_SECONDS = 3;
const AT_ONCE = 500;
const KEPT_DAYS = 365;
const PRUNE_MS = 10 * 60_000;
const PRUNE_AT_ONCE = 5_000;

/** Writes down what tasks took, soon after their ends. Several orchestrators may do so at once. */
@Injectable()
export class RecordKeeper implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly ticker = new Ticker(LOOK_MS, () => {
    if (this.ticks++ % IDLE_LOOKS !== 0 && !this.expecting) return;
    this.looking ??= this.look().finally(() => (this.looking = undefined));
  });
  private looking: Promise<void> | undefined;
  private stopped = false;
  private ticks = 0;
  private expecting = true;
  private prunedAt = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly records: RecordsRepository,
    private readonly ledger: LedgerSums,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.ticker.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    this.ticker.stop();
    await this.looking;
  }

  /** A task has ended here, or may have. */
  expect(): void {
    this.expecting = true;
  }

  /** Never rejects: what cannot be written now is due later. */
  private async look(): Promise<void> {
    if (!this.ledger.reachable) return;
    try {
      // Before it is asked: what ends meanwhile is expected again.
      this.expecting = false;
      if (await this.records.anyDue()) {
        this.expecting = true;
        while (!this.stopped && (await this.keep(AFTER_SECONDS)) === AT_ONCE);
      }
      await this.prune();
    } catch (error) {
      this.expecting = true;
      this.log.debug({ error }, 'what tasks took could not be written down yet');
    }
  }

  /** @returns how many tasks were looked at */
  keep(afterSeconds: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      const due = await this.records.due(tx, afterSeconds, AT_ONCE);
      if (due.length === 0) return 0;
      const rows = await this.records.spans([...new Set(due.map(({ task_id }) => task_id))], tx);
      const ended = rows.filter(({ finished_at }) => finished_at !== null);
      const spentBy = await this.ledger.of(ended.map(({ task_id }) => task_id));
      if (ended.length > 0)
        await this.records.keep(
          tx,
          ended.map((row) => ({ row, spent: spentBy(row.task_id) })),
        );
      await this.records.done(
        tx,
        due.map(({ seq }) => seq),
      );
      return due.length;
    });
  }

  private async prune(): Promise<void> {
    const now = this.clock.monotonic();
    if (now - this.prunedAt < PRUNE_MS) return;
    while (!this.stopped && (await this.records.prune(KEPT_DAYS, PRUNE_AT_ONCE)) === PRUNE_AT_ONCE);
    this.prunedAt = now;
  }
}
