import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import {
  ledgerSum,
  PurserError,
  type ReplyOf,
  type RequestOf,
  type Task,
  type tasksList,
  type TaskSummary,
  type Usage,
} from '@purser/contracts';
import { Latch, Log } from '@purser/service';
import { LiveRunners } from '../work/live-runners.js';
import { type Seen, type SessionRow, summaryOf, taskOf, type TaskSummaryRow } from './task.row.js';
import { TasksRepository } from './tasks.repository.js';
import { noSuchTask } from './tasks.service.js';
import { waitingFor } from './waiting.js';

const LEDGER_TIMEOUT_MS = 500;
const UNSEEN: Seen = { usage: null, waiting: null };

/** Tasks as others see them: with their spend from the ledger and why they wait. */
@Injectable()
export class TaskViews {
  constructor(
    private readonly tasks: TasksRepository,
    private readonly bus: Bus,
    private readonly latch: Latch,
    private readonly runners: LiveRunners,
    private readonly log: Log,
  ) {}

  async get(id: string): Promise<Task> {
    const row = await this.tasks.find(id);
    if (!row) throw noSuchTask(id);
    const [{ sessions, used }, [seen]] = await Promise.all([this.sessionsOf(id), this.look([row])]);
    return taskOf(row, sessions, seen ?? UNSEEN, (sessionId) => used?.get(sessionId) ?? null);
  }

  async list({ state, label, limit, after }: RequestOf<typeof tasksList>): Promise<ReplyOf<typeof tasksList>> {
    if (after !== undefined && !/^\d{1,18}$/.test(after)) {
      throw new PurserError('invalid_request', {
        message: `after: "${after}" is not the \`next\` of an earlier answer`,
        details: { issues: [{ field: 'after', problem: 'must be the `next` of an earlier answer' }] },
      });
    }
    const rows = await this.tasks.list({ state, label, beforeSeq: after, limit: limit + 1 });
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
    const [used, dependencies] = await Promise.all([
      this.usageBy(
        'task',
        rows.map(({ id }) => id),
      ),
      blocked.length > 0 ? this.tasks.unfinishedDependencies(blocked) : [],
    ]);
    const waitsFor = new Map(dependencies.map((one) => [one.id, one.waits_for]));
    return rows.map((row) => ({
      usage: used?.get(row.id) ?? null,
      waiting: waitingFor(row, waitsFor.get(row.id) ?? [], this.latch, this.runners),
    }));
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
