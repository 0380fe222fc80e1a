import { Injectable } from '@nestjs/common';
import { TaskSpec, type ScheduleSpec } from '@purser/contracts';
import type { Sql } from '@purser/database';
import { ExecutorInputs } from '../tasks/executor-inputs.js';
import { NewTasksRepository } from '../tasks/new-tasks.repository.js';
import { newTask } from '../tasks/submission.js';
import { TaskStore, type Verdict } from '../tasks/task-store.service.js';
import { type Cancelled, TasksService } from '../tasks/tasks.service.js';
import { jitterMs, taskIdOf } from './fire-plan.js';

/** What became of the task of a fire, when it was taken. */
export type FiredTask = Exclude<Verdict, { kind: 'refused' }>;

/** The tasks that fires submit. */
@Injectable()
export class FireTasks {
  constructor(
    private readonly store: TaskStore,
    private readonly tasks: NewTasksRepository,
    private readonly service: TasksService,
    private readonly inputs: ExecutorInputs,
  ) {}

  /** @throws PurserError `invalid_request` or `payload_too_large`, as for a task that is submitted */
  check(spec: ScheduleSpec, at: number): void {
    newTask(specOf(spec, at, []));
    this.inputs.check(spec.task.executor, spec.task.input);
  }

  /**
   * Stores the task of a fire, which may wait for others to end; those that are gone from the table have. Throws what a
   * submit would be refused with; the caller takes back what was written until then.
   */
  async put(tx: Sql, spec: ScheduleSpec, at: number, after: string[]): Promise<FiredTask> {
    const known = after.length === 0 ? [] : await this.tasks.lock(tx, after, 0);
    const waitsFor = known.map(({ id }) => id);
    const [verdict] = await this.store.storeIn(tx, [newTask(specOf(spec, at, waitsFor))]);
    if (!verdict) throw new Error(`the task of a fire of ${spec.id} was not judged`);
    if (verdict.kind === 'refused') throw verdict.error;
    return verdict;
  }

  /** One that has ended meanwhile is left as it is. */
  async cancel(tx: Sql, ids: string[]): Promise<Cancelled[]> {
    const asked: Cancelled[] = [];
    for (const id of ids) asked.push(...(await this.service.cancelIn(tx, id)));
    return asked;
  }

  /** After the commit. */
  async announce(fired: { task: FiredTask | undefined; cancelled: readonly Cancelled[] } | undefined): Promise<void> {
    if (fired?.cancelled.length) await this.service.announce(fired.cancelled);
    if (fired?.task) await this.store.announce([fired.task]);
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
