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
/** While nothing waits for its budget only every so-manieth is made: a nudge tells of what is new here. */
const IDLE_LOOKS = 12;
/** Of the time, at most a tenth is spent on looks, however many tasks wait and whatever happens meanwhile. */
const REST = 9;
const SHORTEST_REST_MS = 100;
const PAGE = 1_000;
/** Those beyond them keep waiting until some before them are through. */
const MOST_LOOKED_AT = 20_000;
const HELD_AT_ONCE = 250;
const MOST_HELD_BACK = 1_000;
const UNSEEN = 'budget: what is left of its budgets cannot be read now (no cost-watchdog answers)';

/**
 * Lets tasks that use paid models alone start when their budgets have enough for them, and has them wait when not. Looks
 * when work becomes ready, when a budget's level changes, and every few seconds, for windows that roll on.
 */
@Injectable()
export class Admission implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly ticker = new Ticker(LOOK_MS, () => {
    if (this.ticks++ % IDLE_LOOKS === 0 || this.busy) this.look();
  });
  private ticks = 0;
  /** The last look found tasks that wait for budgets, or run on them. */
  private busy = true;
  /** The last look failed, which is told once. */
  private troubled = false;
  private looking: Promise<void> | undefined;
  private again = false;
  private stopped = false;
  private restsUntil = -Infinity;
  private soon: NodeJS.Timeout | undefined;

  constructor(
    private readonly database: Database,
    private readonly repository: AdmissionRepository,
    private readonly sight: BudgetSight,
    private readonly outbox: Outbox,
    private readonly nudge: Nudge,
    private readonly log: Log,
  ) {}

  onApplicationBootstrap(): void {
    this.nudge.whenReady(() => this.lookSoon());
    this.ticker.start();
    this.lookSoon();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    this.ticker.stop();
    clearTimeout(this.soon);
    await this.looking;
  }

  /** Something has changed. */
  lookSoon(): void {
    if (this.stopped || this.soon) return;
    if (this.looking) {
      this.again = true;
      return;
    }
    this.soon = setTimeout(
      () => {
        this.soon = undefined;
        this.look();
      },
      Math.max(0, this.restsUntil - performance.now()),
    );
  }

  private look(): void {
    if (this.stopped) return;
    this.looking ??= this.lookAround().finally(() => {
      this.looking = undefined;
      if (!this.again) return;
      this.again = false;
      this.lookSoon();
    });
  }

  /** A call of a session was refused: its task waits until the budgets that refused it have what the call needed. */
  async refused({ taskId, sessionId, budgets, needUsd }: FactData<typeof sessionRefused>): Promise<void> {
    const needNano = needUsd === null ? null : parseUsd(needUsd).toString();
    await this.repository.refused(taskId, sessionId, { budgets, needNano });
    this.lookSoon();
  }

  /** Never rejects: a later look does what this one could not. */
  private async lookAround(): Promise<void> {
    const startedAt = performance.now();
    try {
      const rows = await this.candidates();
      this.busy = rows.length > 0;
      if (rows.length === 0 || (await this.judge(rows))) this.troubled = false;
    } catch (error) {
      this.failing('tasks that wait for their budgets could not be looked at', error);
    }
    const endedAt = performance.now();
    this.restsUntil = endedAt + Math.min(LOOK_MS, Math.max(SHORTEST_REST_MS, REST * (endedAt - startedAt)));
  }

  private failing(message: string, error: unknown): void {
    this.log[this.troubled ? 'debug' : 'warn']({ error }, message);
    this.troubled = true;
  }

  private async candidates(): Promise<CandidateRow[]> {
    const rows: CandidateRow[] = [];
    for (;;) {
      const page = await this.repository.page(rows.at(-1), PAGE);
      rows.push(...page);
      if (page.length < PAGE || rows.length >= MOST_LOOKED_AT) return rows;
    }
  }

  /** @returns whether their budgets could be read */
  private async judge(rows: CandidateRow[]): Promise<boolean> {
    const seen = await this.seen(rows);
    if (!seen) {
      const unseen = rows.filter(({ paused_reason }) => paused_reason === NOT_LOOKED_AT);
      await this.carryOut(rows, {
        verdicts: unseen.map(({ id }) => ({ id, admit: false, reason: UNSEEN })),
        toEnd: [],
      });
      return false;
    }
    const { purses, expectedOf } = seen;
    const candidates = rows.map((row) => ({
      id: row.id,
      state: row.state,
      priority: row.priority,
      project: row.project,
      ancestors: row.ancestors,
      expected: expectedOf(row.id),
      refusal: row.budget_refusal,
      paidOnly: row.paid_only,
    }));
    await this.carryOut(rows, decide(candidates, purses, await this.repository.now()));
    return true;
  }

  /** Undefined while the watchdog is away: what was admitted stays so, since its calls are refused without one anyway. */
  private async seen(rows: CandidateRow[]) {
    if (!this.sight.reachable) return undefined;
    try {
      return { purses: await this.sight.purses(rows), expectedOf: await this.sight.expected(rows) };
    } catch (error) {
      this.failing('budgets could not be read: tasks that wait for theirs go on waiting', error);
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
    if (admitted.length + toEnd.length > 0) {
      const started = await this.database.transaction(async (tx) => {
        await this.repository.toEnd(tx, toEnd);
        return this.repository.admit(
          tx,
          admitted.map(({ id }) => id),
        );
      });
      if (started > 0) this.nudge.workIsReady();
    }
    // What is left is told by the next look, so that those that may start by then do not wait for it.
    for (let from = 0; from < Math.min(held.length, MOST_HELD_BACK); from += HELD_AT_ONCE)
      await this.holdBack(held.slice(from, from + HELD_AT_ONCE), before);
    if (held.length > MOST_HELD_BACK) this.again = true;
  }

  private async holdBack(
    held: { id: string; reason: string }[],
    before: ReadonlyMap<string, CandidateRow>,
  ): Promise<void> {
    await this.database.transaction(async (tx) => {
      for (const { id, reason } of await this.repository.holdBack(tx, held))
        if (isNews(before.get(id))) await this.outbox.add(tx, taskPaused, id, { taskId: id, reason });
    });
    void this.outbox.flush();
  }
}

/** One that waited already only has another reason now. */
const isNews = (row: CandidateRow | undefined): boolean =>
  row?.state === 'ready' || row?.paused_reason === NOT_LOOKED_AT;
