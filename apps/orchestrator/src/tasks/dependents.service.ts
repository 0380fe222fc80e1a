import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { Nudge } from '../work/nudge.js';
import { TaskFacts } from './task-facts.js';
import { TasksRepository } from './tasks.repository.js';

/** Moves on what waited for tasks that are over. */
@Injectable()
export class DependentsService {
  constructor(
    private readonly database: Database,
    private readonly tasks: TasksRepository,
    private readonly facts: TaskFacts,
    private readonly nudge: Nudge,
  ) {}

  /**
   * After a commit, with the tasks that it finished; without ids for all blocked tasks, which mends what a crash left.
   * Not part of the finishing transaction: two dependencies that finish at once would not see each other there.
   */
  async settle(finished?: string[]): Promise<void> {
    if (finished?.length === 0) return;
    const { ready, over } = await this.database.transaction(async (tx) => {
      const over = await this.tasks.giveUpDependents(tx, finished);
      for (const { id, epoch, state, error } of over)
        if (state === 'failed') await this.facts.failed(tx, id, epoch, error);
        else await this.facts.cancelled(tx, id, epoch, error.message);
      return { ready: await this.tasks.unblock(tx, finished), over };
    });
    if (ready.length > 0) this.nudge.workIsReady();
    if (over.length === 0) return;
    this.facts.send();
    // A dependency exists before what depends on it, so this ends.
    await this.settle(over.map(({ id }) => id));
  }
}
