import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import {
  type DeadLetter,
  type deadLettersGet,
  type deadLettersList,
  type ReplyOf,
  type RequestOf,
  sessionsHandoff,
} from '@purser/contracts';
import { Log } from '@purser/service';
import { TaskViews } from '../tasks/task-views.service.js';
import { noSuchTask } from '../tasks/tasks.service.js';
import { type DeadLetterRow, DeadLettersRepository } from './dead-letters.repository.js';
import { diagnosis } from './diagnosis.js';

const RUNNER_TIMEOUT_MS = 1_500;

/** Tasks that failed for good, for a person to look at. */
@Injectable()
export class DeadLetters {
  constructor(
    private readonly deadLetters: DeadLettersRepository,
    private readonly views: TaskViews,
    private readonly bus: Bus,
    private readonly log: Log,
  ) {}

  async list({ code, limit, after }: RequestOf<typeof deadLettersList>): Promise<ReplyOf<typeof deadLettersList>> {
    const rows = await this.deadLetters.list(code, after, limit + 1);
    const shown = rows.slice(0, limit);
    const tasks = await this.views.summaries(shown);
    const deadLetters = shown.flatMap((row, index) => {
      const task = tasks[index];
      return task ? [{ task, ...factsOf(row) }] : [];
    });
    return { deadLetters, next: rows.length > limit ? (shown.at(-1)?.seq.toString() ?? null) : null };
  }

  async get({ id }: RequestOf<typeof deadLettersGet>): Promise<ReplyOf<typeof deadLettersGet>> {
    const row = await this.deadLetters.find(id);
    if (!row) throw noSuchTask(id);
    const [task, handoff] = await Promise.all([this.views.get(id), this.handoffOf(id)]);
    return { task, ...factsOf(row), handoff };
  }

  /** Null also when nobody is there to ask: what is known here is worth showing all the same. */
  private async handoffOf(id: string): Promise<ReplyOf<typeof deadLettersGet>['handoff']> {
    try {
      const { epoch, at, markdown } = await this.bus.call(sessionsHandoff, { id }, { timeoutMs: RUNNER_TIMEOUT_MS });
      return { epoch, at, markdown };
    } catch (error) {
      this.log.debug({ error, taskId: id }, 'no runner told of the handoff of a failed task');
      return null;
    }
  }
}

function factsOf(row: DeadLetterRow): Omit<DeadLetter, 'task'> {
  const { checkpoint_epoch: epoch, checkpoint_number: number, checkpoint_digest: digest } = row;
  const checkpoint = epoch !== null && number !== null && digest !== null ? { epoch, number, digest } : null;
  const inherits = (row.more.continues ?? []).length > 0;
  return {
    diagnosis: diagnosis({ error: row.error, checkpoint: checkpoint !== null || inherits }),
    failures: row.failures,
    lostInARow: row.lost_in_a_row,
    checkpoint,
    retriedAs: row.retried_as,
  };
}
