import { Injectable } from '@nestjs/common';
import { isPurserError, PurserError, type TaskSpec } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { TaskBudgets } from '../budgets/task-budgets.service.js';
import { DependentsService } from './dependents.service.js';
import { ExecutorInputs } from './executor-inputs.js';
import { differences, idOfDelivery, namedId, type NewTask, newTask } from './submission.js';
import { TaskFacts } from './task-facts.js';
import { TasksRepository } from './tasks.repository.js';

/** A submit that came without waiting for an answer. */
export type Submission = { deliveryId: string; deliveries: number; raw: string } & (
  { ok: true; payload: TaskSpec } | { ok: false; error: PurserError }
);

/** A dependency that is not there yet may be in another orchestrator's hands: three more deliveries, about 3 s. */
const DELIVERIES_BEFORE_A_DEPENDENCY_IS_MISSING = 4;

/** Takes tasks in. */
@Injectable()
export class Intake {
  constructor(
    private readonly database: Database,
    private readonly tasks: TasksRepository,
    private readonly inputs: ExecutorInputs,
    private readonly dependents: DependentsService,
    private readonly budgets: TaskBudgets,
    private readonly facts: TaskFacts,
  ) {}

  /** Stores the task, once; resolves with its id after the commit. */
  async create(spec: TaskSpec): Promise<string> {
    const task = newTask(spec);
    await this.take(task);
    return task.id;
  }

  /** As create, with what is stored. */
  take(task: NewTask): Promise<void> {
    return this.store(task);
  }

  /** As create; a refusal becomes a fact. Rejects only for trouble that passes. */
  async submit(submission: Submission): Promise<void> {
    const { deliveryId, raw } = submission;
    if (!submission.ok) {
      return this.reject(namedId(raw) ?? idOfDelivery(deliveryId), deliveryId, submission.error, raw);
    }
    const id = submission.payload.id ?? idOfDelivery(deliveryId);
    try {
      await this.store(newTask(submission.payload, id));
    } catch (error) {
      if (!isPurserError(error) || error.retryable) throw error;
      if (isMissingDependency(error) && submission.deliveries < DELIVERIES_BEFORE_A_DEPENDENCY_IS_MISSING)
        throw new PurserError('unavailable', { message: error.message, cause: error });
      await this.reject(id, deliveryId, error, raw);
    }
  }

  private async store(task: NewTask): Promise<void> {
    const { dependsOn } = task.spec;
    const stored = await this.database.transaction(async (tx) => {
      const needed = await this.tasks.lockDependencies(tx, dependsOn);
      const missing = dependsOn.filter((id) => !needed.some((one) => one.id === id));
      if (missing.length > 0) throw missingDependencies(missing);
      const state = needed.every((one) => one.state === 'completed') ? ('ready' as const) : ('blocked' as const);
      if (!(await this.tasks.insert(tx, task, state))) return this.refuseAnother(tx, task);
      // Not before: what was taken once stays one task, whatever its executor takes today.
      this.inputs.check(task.spec.executor, task.spec.input);
      await this.facts.created(tx, task);
      return { state, doomed: needed.some((one) => ['failed', 'cancelled'].includes(one.state)) };
    });
    if (!stored) return;
    this.facts.send();
    if (stored.doomed) await this.dependents.settle(dependsOn);
    this.budgets.stored(task, stored.state);
  }

  /** The same id again is the same task, unless it asks for something else. */
  private async refuseAnother(tx: Sql, task: NewTask): Promise<undefined> {
    const before = await this.tasks.find(task.id, tx);
    const fields = before ? differences(before, task) : [];
    if (fields.length === 0) return undefined;
    throw new PurserError('conflict', {
      message: `there is already a task "${task.id}", with another ${fields.join(', ')}; use another id`,
      details: { state: before?.state, fields },
    });
  }

  private async reject(id: string, deliveryId: string, error: PurserError, raw: string): Promise<void> {
    await this.database.transaction((tx) => this.facts.rejected(tx, id, deliveryId, error.toJSON(), raw));
    this.facts.send();
  }
}

function missingDependencies(missing: string[]): PurserError {
  const names = missing.map((id) => `"${id}"`).join(', ');
  return new PurserError('invalid_request', {
    message: `dependsOn: there is no task ${names}; a task must exist before another one waits for it`,
    details: { issues: [{ field: 'dependsOn', problem: `there is no task ${names}` }], missing },
  });
}

const isMissingDependency = (error: PurserError): boolean => 'missing' in error.details;
