import { Injectable } from '@nestjs/common';
import { FinishedBudgets } from '../budgets/finished-budgets.service.js';
import { TaskBudgets } from '../budgets/task-budgets.service.js';
import { ClaimsRepository } from '../work/claims.repository.js';
import { DueTasks } from '../work/due-tasks.js';
import { DependentsService } from './dependents.service.js';
import { TasksService } from './tasks.service.js';

/** What a sweep does for tasks that do not run. */
@Injectable()
export class TaskUpkeep {
  constructor(
    private readonly tasks: TasksService,
    private readonly dependents: DependentsService,
    private readonly budgets: TaskBudgets,
    private readonly finished: FinishedBudgets,
    private readonly due: DueTasks,
    private readonly claims: ClaimsRepository,
  ) {}

  failOverdue(): Promise<number> {
    return this.tasks.failOverdue();
  }

  /** What waited for its time. */
  letGo(): Promise<void> {
    return this.due.ready();
  }

  /** What only a crash, or time, leaves behind. */
  async settleAll(anyBlocked: boolean): Promise<void> {
    void this.finished.deleteOld();
    await this.claims.forgetMarks();
    if (anyBlocked) await this.dependents.settle();
  }

  /** In the background: a watchdog that is slow to answer must not hold up the leases. */
  setBudgets(): void {
    void this.budgets.setMissing();
  }
}
