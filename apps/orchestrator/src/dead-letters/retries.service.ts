import { Injectable } from '@nestjs/common';
import { PurserError, type RequestOf, taskRetried, type tasksRetry, TaskSpec } from '@purser/contracts';
import { Database } from '@purser/database';
import { formatUsd } from '@purser/money';
import { Clock, Outbox } from '@purser/service';
import { Intake } from '../tasks/intake.service.js';
import { newTask } from '../tasks/submission.js';
import type { TaskRow } from '../tasks/task.row.js';
import { TasksRepository } from '../tasks/tasks.repository.js';
import { noSuchTask } from '../tasks/tasks.service.js';
import { DeadLettersRepository } from './dead-letters.repository.js';
import { retryId } from './retry-id.js';

/** Of a long row of retries, the last ones are looked at for a checkpoint. */
const MOST_BEFORE = 20;

type Request = RequestOf<typeof tasksRetry>;

/** Makes new tasks of those that failed. The old one stays as it ended, with all that its sessions left. */
@Injectable()
export class Retries {
  constructor(
    private readonly database: Database,
    private readonly tasks: TasksRepository,
    private readonly deadLetters: DeadLettersRepository,
    private readonly intake: Intake,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
  ) {}

  /** @returns the new task's id, after the commit */
  async retry(request: Request): Promise<string> {
    const { id, from, by } = request;
    const old = await this.tasks.find(id);
    if (!old) throw noSuchTask(id);
    if (old.state !== 'failed' && old.state !== 'cancelled') {
      throw new PurserError('conflict', {
        message: `task "${id}" is ${old.state}; only what has failed or was cancelled can be retried`,
        details: { state: old.state },
      });
    }
    const task = newTask(await this.specOf(old, request), request.newId ?? retryId(id));
    const before = [id, ...(old.more.continues ?? [])].slice(0, MOST_BEFORE);
    task.more = { ...task.more, retryOf: id, ...(from === 'checkpoint' && { continues: before }) };
    await this.intake.take(task);
    // Second: after a crash in between the same request finds the new task there and notes it.
    const noted = await this.database.transaction(async (tx) => {
      if (!(await this.deadLetters.retriedAs(tx, id, task.id))) return false;
      await this.outbox.add(
        tx,
        taskRetried,
        id,
        { taskId: id, retriedAs: task.id, from, by },
        `${id}-retried-${task.id}`,
      );
      return true;
    });
    if (noted) void this.outbox.flush();
    return task.id;
  }

  /** One that is over gets no more parts: then the retry stands by itself, and the budgets above it count no more. */
  private async parentOf({ parent_id: id }: TaskRow): Promise<string | undefined> {
    const parent = id === null ? undefined : await this.tasks.find(id);
    return parent?.finished_at === null ? parent.id : undefined;
  }

  private async specOf(old: TaskRow, { budgetUsd, maxSessions, retries, limits }: Request): Promise<TaskSpec> {
    const retried = await this.deadLetters.lastRetries(old.depends_on);
    const { retryOf: _retryOf, continues: _continues, ...more } = old.more;
    const budget = budgetUsd ?? (old.budget_nano === null ? undefined : formatUsd(old.budget_nano));
    const deadline = old.deadline && old.deadline > this.clock.now() ? old.deadline.toISOString() : undefined;
    return TaskSpec.parse({
      executor: old.executor,
      input: old.input,
      priority: old.priority,
      dependsOn: [...new Set(old.depends_on.map((id) => retried.get(id) ?? id))],
      labels: old.labels,
      project: old.project ?? undefined,
      limits: limits ?? old.limits,
      budgetUsd: budget,
      maxSessions: maxSessions ?? old.max_sessions,
      retries: retries ?? old.retries,
      deadline,
      onDependencyFailure: old.on_dependency_failure,
      parent: await this.parentOf(old),
      paidOnly: old.paid_only,
      ...more,
    });
  }
}
