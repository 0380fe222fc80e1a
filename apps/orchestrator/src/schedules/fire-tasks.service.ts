import { Injectable } from '@nestjs/common';
import { isPurserError, PurserError, TaskSpec, type ScheduleSpec, type TaskState } from '@purser/contracts';
import type { Sql } from '@purser/database';
import { TaskBudgets } from '../budgets/task-budgets.service.js';
import { ExecutorInputs } from '../tasks/executor-inputs.js';
import { differences, newTask, type NewTask } from '../tasks/submission.js';
import { TaskFacts } from '../tasks/task-facts.js';
import { TasksRepository } from '../tasks/tasks.repository.js';
import { TasksService } from '../tasks/tasks.service.js';
import { jitterMs, taskIdOf } from './fire-plan.js';

export interface FiredTask {
  task: NewTask;
  state: 'ready' | 'blocked';
}

const ENDED: readonly TaskState[] = ['completed', 'failed', 'cancelled'];

/** The tasks that fires submit. */
@Injectable()
export class FireTasks {
  constructor(
    private readonly tasks: TasksRepository,
    private readonly service: TasksService,
    private readonly inputs: ExecutorInputs,
    private readonly budgets: TaskBudgets,
    private readonly facts: TaskFacts,
  ) {}

  /** @throws PurserError `invalid_request` or `payload_too_large`, as for a task that is submitted */
  check(spec: ScheduleSpec, at: number): void {
    newTask(specOf(spec, at, []));
    this.inputs.check(spec.task.executor, spec.task.input);
  }

  /**
   * Stores the task of a fire, which may wait for others to end. Throws what a submit would be refused with; the caller
   * takes back what was written until then.
   */
  async store(tx: Sql, spec: ScheduleSpec, at: number, after: string[]): Promise<FiredTask> {
    const known = await this.tasks.lockDependencies(tx, after);
    const task = newTask(
      specOf(
        spec,
        at,
        known.map(({ id }) => id),
      ),
    );
    const state = known.every((one) => ENDED.includes(one.state)) ? 'ready' : 'blocked';
    this.inputs.check(task.spec.executor, task.spec.input);
    if (await this.tasks.insert(tx, task, state)) await this.facts.created(tx, task);
    else await this.refuseAnother(tx, task);
    return { task, state };
  }

  /** Each by itself, so it holds whatever becomes of the fire; one that has ended meanwhile is left as it is. */
  async cancel(ids: string[]): Promise<void> {
    for (const id of ids) {
      try {
        await this.service.cancel(id);
      } catch (error) {
        if (!isPurserError(error) || error.code !== 'conflict') throw error;
      }
    }
  }

  /** After the commit. */
  announce(fired: FiredTask | undefined): void {
    if (!fired) return;
    this.facts.send();
    this.budgets.stored(fired.task, fired.state);
  }

  private async refuseAnother(tx: Sql, task: NewTask): Promise<void> {
    const before = await this.tasks.find(task.id, tx);
    const fields = before ? differences(before, task) : [];
    if (fields.length > 0) {
      throw new PurserError('conflict', {
        message: `there is already a task "${task.id}", with another ${fields.join(', ')}`,
        details: { state: before?.state, fields },
      });
    }
  }
}

function specOf({ id, task, jitterSeconds, deadlineSeconds }: ScheduleSpec, at: number, after: string[]): TaskSpec {
  const instant = (ms: number): string => new Date(ms).toISOString();
  return TaskSpec.parse({
    ...task,
    id: taskIdOf(id, at),
    dependsOn: after,
    onDependencyFailure: 'ignore',
    ...(jitterSeconds > 0 && { notBefore: instant(at + jitterMs(id, at, jitterSeconds)) }),
    ...(deadlineSeconds !== undefined && { deadline: instant(at + deadlineSeconds * 1000) }),
  });
}
