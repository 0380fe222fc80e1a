import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { Database } from '@purser/database';
import { DependentsService } from './dependents.service.js';
import { TaskFacts } from './task-facts.js';
import { TasksRepository } from './tasks.repository.js';

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
  async cancel(id: string): Promise<void> {
    const cancelled = await this.database.transaction(async (tx) => {
      const row = await this.tasks.cancel(tx, id);
      if (row?.state === 'cancelled') await this.facts.cancelled(tx, id, row.epoch);
      return row;
    });
    if (cancelled?.state === 'cancelled') {
      this.facts.send();
      await this.dependents.settle([id]);
    }
    if (cancelled) return;
    const task = await this.tasks.find(id);
    if (!task) throw noSuchTask(id);
    if (task.state === 'cancelled') return;
    throw new PurserError('conflict', {
      message: `task "${id}" is ${task.state} and can no longer be cancelled`,
      details: { state: task.state },
    });
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
