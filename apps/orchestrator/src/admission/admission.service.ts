import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type FactData, type sessionRefused, taskPaused } from '@purser/contracts';
import { Database } from '@purser/database';
import { parseUsd } from '@purser/money';
import { Log, Outbox, Ticker } from '@purser/service';
import { Nudge } from '../work/nudge.js';
import { decide, type Verdict } from './admission.js';
import { AdmissionRepository, type CandidateRow, NOT_LOOKED_AT } from './admission.repository.js';
import { BudgetSight } from './budget-sight.js';

const LOOK_MS = 5_000;
const PAGE = 1_000;
/** Those beyond them keep waiting until some before them are through. */
const MOST_LOOKED_AT = 20_000;
const UNSEEN = 'budget: what is left of its budgets cannot be read now (no cost-watchdog answers)';

/**
 * Lets tasks that use paid models alone start when their budgets have enough for them, and has them wait when not. Looks
 * when work becomes ready, when a budget's level changes, and every few seconds, for windows that roll on.
 */
@Injectable()
export class Admission implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly ticker = new Ticker(LOOK_MS, () => void this.look());
  private looking: Promise<void> | undefined;
  private again = false;

  constructor(
    private readonly database: Database,
    private readonly repository: AdmissionRepository,
    private readonly sight: BudgetSight,
    private readonly outbox: Outbox,
    private readonly nudge: Nudge,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.nudge.heed(() => void this.look());
    this.ticker.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.ticker.stop();
    this.again = false;
    await this.looking;
  }

  /** Never rejects: a later look does what this one could not. */
  look(): Promise<void> {
    this.again = true;
    this.looking ??= this.run().finally(() => (this.looking = undefined));
    return this.looking;
  }

  /** A call of a session was refused: its task waits until these budgets cover one, and its other limits are as they were. */
  async refused({ taskId, sessionId, budgets, needUsd }: FactData<typeof sessionRefused>): Promise<void> {
    const needNano = needUsd === null ? null : parseUsd(needUsd).toString();
    await this.repository.refused(taskId, sessionId, { budgets, needNano });
    await this.look();
  }

  private async run(): Promise<void> {
    while (this.again) {
      this.again = false;
      try {
        const rows = await this.candidates();
        if (rows.length > 0) await this.judge(rows);
      } catch (error) {
        this.log.debug({ error }, 'tasks that wait for their budgets could not be looked at');
        return;
      }
    }
  }

  private async candidates(): Promise<CandidateRow[]> {
    const rows: CandidateRow[] = [];
    for (;;) {
      const page = await this.repository.page(rows.at(-1), PAGE);
      rows.push(...page);
      if (page.length < PAGE || rows.length >= MOST_LOOKED_AT) return rows;
    }
  }

  private async judge(rows: CandidateRow[]): Promise<void> {
    const seen = await this.seen(rows);
    if (!seen) {
      const unseen = rows.filter(({ paused_reason }) => paused_reason === NOT_LOOKED_AT);
      await this.carryOut(rows, {
        verdicts: unseen.map(({ id }) => ({ id, admit: false, reason: UNSEEN })),
        toEnd: [],
      });
      return;
    }
    const { purses, expectedOf } = seen;
    const candidates = rows.map((row) => ({
      id: row.id,
      state: row.state,
      priority: row.priority,
      project: row.project,
      parent: row.parent_id,
      expected: expectedOf(row.id),
      refusal: row.budget_refusal,
    }));
    await this.carryOut(rows, decide(candidates, purses, await this.repository.now()));
  }

  /** Undefined while the watchdog is away: what was admitted stays so, since its calls are refused without one anyway. */
  private async seen(rows: CandidateRow[]) {
    if (!this.sight.reachable) return undefined;
    try {
      return { purses: await this.sight.purses(rows), expectedOf: await this.sight.expected(rows) };
    } catch (error) {
      this.log.debug({ error }, 'budgets could not be read');
      return undefined;
    }
  }

  private async carryOut(
    rows: CandidateRow[],
    { verdicts, toEnd }: { verdicts: Verdict[]; toEnd: string[] },
  ): Promise<void> {
    const before = new Map(rows.map((row) => [row.id, row]));
    const admitted = verdicts.filter(({ id, admit }) => admit && before.get(id)?.state === 'paused');
    const held = verdicts.flatMap((one) =>
      one.admit || before.get(one.id)?.paused_reason === one.reason ? [] : [one],
    );
    if (admitted.length + held.length + toEnd.length === 0) return;
    const started = await this.database.transaction(async (tx) => {
      if (toEnd.length > 0) await this.repository.toEnd(tx, toEnd);
      for (const { id, reason } of held.length > 0 ? await this.repository.holdBack(tx, held) : [])
        if (isNews(before.get(id))) await this.outbox.add(tx, taskPaused, id, { taskId: id, reason });
      return admitted.length === 0
        ? 0
        : this.repository.admit(
            tx,
            admitted.map(({ id }) => id),
          );
    });
    if (held.length > 0) void this.outbox.flush();
    if (started > 0) this.nudge.workIsReady();
  }
}

/** One that waited already only has another reason now. */
const isNews = (row: CandidateRow | undefined): boolean =>
  row?.state === 'ready' || row?.paused_reason === NOT_LOOKED_AT;
