import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import {
  type Artifact,
  ledgerSum,
  PurserError,
  type ReplyOf,
  type RequestOf,
  sessionsArtifacts,
  type Task,
  type tasksList,
  type TaskSummary,
  type Usage,
} from '@purser/contracts';
import { Latch, Log } from '@purser/service';
import { LabelLimitsRepository } from '../labels/label-limits.repository.js';
import { LiveRunners } from '../work/live-runners.js';
import { Worth } from '../worth/worth.service.js';
import { type Seen, type SessionRow, summaryOf, taskOf, type TaskSummaryRow } from './task.row.js';
import { newTaskRow } from './new-task-row.js';
import type { Verdict } from './task-store.service.js';
import { TasksRepository } from './tasks.repository.js';
import { noSuchTask } from './tasks.service.js';
import { waitingFor } from './waiting.js';

const LEDGER_TIMEOUT_MS = 500;
/** So much is certain of a task that was stored a moment ago. */
const NOTHING_USED: Usage = { inputTokens: 0, outputTokens: 0, requests: 0, usd: '0.00' };
const RUNNER_TIMEOUT_MS = 500;
const UNSEEN: Seen = { usage: null, waiting: null };

/** Tasks as others see them: with their spend from the ledger and why they wait. */
@Injectable()
export class TaskViews {
  constructor(
    private readonly tasks: TasksRepository,
    private readonly bus: Bus,
    private readonly latch: Latch,
    private readonly runners: LiveRunners,
    private readonly limits: LabelLimitsRepository,
    private readonly log: Log,
    private readonly worth: Worth,
  ) {}

  async get(id: string): Promise<Task> {
    const row = await this.tasks.find(id);
    if (!row) throw noSuchTask(id);
    const [{ sessions, used }, children, [seen], artifacts, worth] = await Promise.all([
      this.sessionsOf(id),
      this.tasks.childrenOf(id),
      this.look([row]),
      // What no session has worked on has none.
      row.epoch === 0 ? [] : this.artifactsOf(id),
      this.worth.of(row),
    ]);
    const usageOf = (sessionId: string) => used?.get(sessionId) ?? null;
    return { ...taskOf(row, { sessions, children }, seen ?? UNSEEN, usageOf), artifacts, ...worth };
  }

  /** A task that was just stored: without asking anybody for what is known. A dependency that is over is about to end it. */
  async stored(verdict: Extract<Verdict, { kind: 'stored' }>): Promise<Task> {
    // One that waits for its budget is not as it was stored: it is held back.
    if (verdict.doomedBy.length > 0 || verdict.task.spec.paidOnly) return this.get(verdict.task.id);
    const row = newTaskRow(verdict);
    const waiting = waitingFor(row, verdict.waitsFor.sort(), this.latch, this.runners);
    // It is stored, whatever becomes of this question.
    const worth = await this.worth.of(row).catch(() => ({}));
    const none = { sessions: [], children: [] };
    return { ...taskOf(row, none, { usage: NOTHING_USED, waiting }, () => null), artifacts: [], ...worth };
  }

  async list({ state, label, parent, limit, after }: RequestOf<typeof tasksList>): Promise<ReplyOf<typeof tasksList>> {
    if (after !== undefined && !/^\d{1,18}$/.test(after)) {
      throw new PurserError('invalid_request', {
        message: `after: "${after}" is not the \`next\` of an earlier answer`,
        details: { issues: [{ field: 'after', problem: 'must be the `next` of an earlier answer' }] },
      });
    }
    const rows = await this.tasks.list({ state, label, parent, beforeSeq: after, limit: limit + 1 });
    const shown = rows.slice(0, limit);
    return {
      tasks: await this.summaries(shown),
      next: rows.length > limit ? (shown.at(-1)?.seq.toString() ?? null) : null,
    };
  }

  /** In the order of the rows. */
  async summaries(rows: TaskSummaryRow[]): Promise<TaskSummary[]> {
    const seen = await this.look(rows);
    return rows.map((row, index) => summaryOf(row, seen[index] ?? UNSEEN));
  }

  private async sessionsOf(id: string): Promise<{ sessions: SessionRow[]; used: Map<string, Usage> | undefined }> {
    const sessions = await this.tasks.sessionsOf(id);
    const ids = sessions.map((session) => session.id);
    return { sessions, used: await this.usageBy('session', ids) };
  }

  private async look(rows: TaskSummaryRow[]): Promise<Seen[]> {
    const blocked = rows.filter(({ state }) => state === 'blocked').map(({ id }) => id);
    const labels = [...new Set(rows.filter(({ state }) => state === 'ready').flatMap((row) => row.labels))];
    const [used, dependencies, limits] = await Promise.all([
      this.usageBy(
        'task',
        rows.map(({ id }) => id),
      ),
      blocked.length > 0 ? this.tasks.unfinishedDependencies(blocked) : [],
      labels.length > 0 ? this.limits.status(labels) : [],
    ]);
    const waitsFor = new Map(dependencies.map((one) => [one.id, one.waits_for]));
    return rows.map((row) => ({
      usage: used?.get(row.id) ?? null,
      waiting: waitingFor(row, waitsFor.get(row.id) ?? [], this.latch, this.runners, limits),
    }));
  }

  private async artifactsOf(id: string): Promise<Artifact[] | null> {
    try {
      return (await this.bus.call(sessionsArtifacts, { id }, { timeoutMs: RUNNER_TIMEOUT_MS })).artifacts;
    } catch (error) {
      this.log.debug({ error }, 'no runner told what a task left');
      return null;
    }
  }

  private async usageBy(by: 'task' | 'session', ids: string[]): Promise<Map<string, Usage> | undefined> {
    if (ids.length === 0) return undefined;
    try {
      const { sums } = await this.bus.call(ledgerSum, { by, ids }, { timeoutMs: LEDGER_TIMEOUT_MS });
      return new Map(sums.map(({ id, amountUsd, ...counts }) => [id, { ...counts, usd: amountUsd }]));
    } catch (error) {
      this.log.debug({ error }, 'the ledger did not tell what tasks used');
      return undefined;
    }
  }
}
