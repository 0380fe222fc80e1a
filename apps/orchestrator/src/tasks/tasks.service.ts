import { Injectable } from '@nestjs/common';
import { PurserError, type TaskState } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { DependentsService } from './dependents.service.js';
import { TaskFacts } from './task-facts.js';
import { TasksRepository } from './tasks.repository.js';

/** A task that was asked to end, and what it is now: one that runs is not over yet. */
export interface Cancelled {
  id: string;
  state: TaskState;
}

/** Cancels tasks, and fails those whose time is over. */
@Injectable()
export class TasksService {
  constructor(
    private readonly database: Database,
    private readonly tasks: TasksRepository,
    private readonly dependents: DependentsService,
    private readonly facts: TaskFacts,
  ) {}

  /** Cancelling twice is no error; cancelling what is done is. */
  async cancel(id: string, withParts = true): Promise<void> {
    const asked = await this.database.transaction((tx) => this.cancelIn(tx, id, withParts));
    await this.announce(asked);
    if (asked.some((one) => one.id === id)) return;
    const task = await this.tasks.find(id);
    if (!task) throw noSuchTask(id);
    if (task.state === 'cancelled') return;
    throw new PurserError('conflict', {
      message: `task "${id}" is ${task.state} and can no longer be cancelled`,
      details: { state: task.state },
    });
  }

  /** After the commit of `cancelIn`. */
  async announce(asked: readonly Cancelled[]): Promise<void> {
    const over = asked.filter(({ state }) => state === 'cancelled').map(({ id }) => id);
    if (over.length > 0) this.facts.send();
    await this.dependents.settle(over);
  }

  /**
   * Cancels what is not over, with its parts. One generation after the other, each by its own statement: a part that is handed in meanwhile holds its parent, so
   * it is either there when its generation is looked for, or refused since its parent is cancelled.
   */
  async cancelIn(tx: Sql, id: string, withParts = true): Promise<Cancelled[]> {
    const asked: Cancelled[] = [];
    const before = await this.tasks.find(id, tx);
    // Of one that has ended by itself nothing is cancelled: its parts go on.
    if (before?.finished_at && before.state !== 'cancelled') return asked;
    for (let generation = [id]; generation.length > 0;) {
      const rows = await this.tasks.cancel(tx, generation);
      asked.push(...rows);
      await this.facts.cancelledAll(
        tx,
        rows.filter(({ state }) => state === 'cancelled'),
      );
      generation = withParts ? await this.tasks.idsOfParts(tx, generation) : [];
    }
    return asked;
  }

  /** Fails what waited beyond its deadline; says how many. */
  async failOverdue(): Promise<number> {
    const failed = await this.database.transaction(async (tx) => {
      const overdue = await this.tasks.failOverdue(tx, 100);
      for (const { id, epoch, error } of overdue) await this.facts.failed(tx, id, epoch, error);
      return overdue;
    });
    if (failed.length > 0) this.facts.send();
    await this.dependents.settle(failed.map(({ id }) => id));
    return failed.length;
  }
}

export const noSuchTask = (id: string): PurserError =>
  new PurserError('not_found', { message: `there is no task "${id}"`, details: { id } });
