import { Injectable } from '@nestjs/common';
import { PurserError, type RequestOf, type tasksPause, type tasksResume } from '@purser/contracts';
import { Database } from '@purser/database';
import { DependentsService } from '../tasks/dependents.service.js';
import { TaskFacts } from '../tasks/task-facts.js';
import { TasksRepository } from '../tasks/tasks.repository.js';
import { noSuchTask } from '../tasks/tasks.service.js';
import { Nudge } from '../work/nudge.js';
import { PausingRepository } from './pausing.repository.js';

/** What a pause begins with says whose it is: `person: ada: her holidays`, `budget: ...`. */
export const personsPause = (by: string, reason?: string): string => `person: ${by}${reason ? `: ${reason}` : ''}`;

/** Pauses by a person. Those by a budget end by themselves, and never end one of a person. */
@Injectable()
export class PausingService {
  constructor(
    private readonly database: Database,
    private readonly pausing: PausingRepository,
    private readonly tasks: TasksRepository,
    private readonly dependents: DependentsService,
    private readonly facts: TaskFacts,
    private readonly nudge: Nudge,
  ) {}

  async pause({ id, by, reason }: RequestOf<typeof tasksPause>): Promise<void> {
    const why = personsPause(by, reason);
    const paused = await this.database.transaction(async (tx) => {
      const row = await this.pausing.pause(tx, id, why);
      if (row?.changed && row.state === 'paused') await this.facts.paused(tx, id, why);
      return row;
    });
    if (!paused) await this.refuseWhatIsOver(id, 'paused');
    if (paused?.changed) this.facts.send();
  }

  async resume({ id, by }: RequestOf<typeof tasksResume>): Promise<void> {
    const state = await this.database.transaction(async (tx) => {
      const resumed = await this.pausing.resume(tx, id);
      if (resumed) await this.facts.resumed(tx, id, by, resumed === 'blocked' ? resumed : 'ready');
      return resumed ?? ((await this.pausing.withdraw(tx, id)) ? ('running' as const) : undefined);
    });
    // Also for one that waits for its budget from here on: that is looked at then.
    if (state === 'ready' || state === 'paused') this.nudge.workIsReady();
    // While it was paused, what it waits for may have ended; only what is blocked was looked at then.
    if (state === 'blocked') await this.dependents.settle();
    if (state === undefined) await this.refuseToResume(id);
    else this.facts.send();
  }

  private async refuseToResume(id: string): Promise<void> {
    const task = await this.refuseWhatIsOver(id, 'resumed');
    if (task.state !== 'paused') return;
    throw new PurserError('conflict', {
      message: `task "${id}" was not paused by a person and goes on by itself (${task.paused_reason})`,
      details: { state: task.state, waiting: task.paused_reason },
    });
  }

  private async refuseWhatIsOver(id: string, verb: string) {
    const task = await this.tasks.find(id);
    if (!task) throw noSuchTask(id);
    if (task.finished_at === null) return task;
    throw new PurserError('conflict', {
      message: `task "${id}" is ${task.state} and can no longer be ${verb}`,
      details: { state: task.state },
    });
  }
}
