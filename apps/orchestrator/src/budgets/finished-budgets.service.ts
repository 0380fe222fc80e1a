import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { budgetsRetire } from '@purser/contracts';
import { Log } from '@purser/service';
import { TasksRepository } from '../tasks/tasks.repository.js';

const CALL_TIMEOUT_MS = 3_000;
/** Bounds one run; what is left waits for the next sweep. */
const AT_ONCE = 100;

/** Takes back the budgets of tasks that ended a while ago, or there would be one for every task that ever was. */
@Injectable()
export class FinishedBudgets {
  private running: Promise<void> | undefined;

  constructor(
    private readonly tasks: TasksRepository,
    private readonly bus: Bus,
    private readonly log: Log,
  ) {}

  /** From the sweep. Never rejects; what fails is tried again by a later one. What was spent stays in the ledger. */
  deleteOld(): Promise<void> {
    this.running ??= this.run().finally(() => (this.running = undefined));
    return this.running;
  }

  private async run(): Promise<void> {
    if (!this.bus.connected) return;
    try {
      for (const id of await this.tasks.withOldBudget(AT_ONCE)) {
        await this.bus.call(budgetsRetire, { task: id }, { timeoutMs: CALL_TIMEOUT_MS });
        await this.tasks.budgetIsDeleted(id);
      }
    } catch (error) {
      this.log.debug({ error }, 'budgets of tasks that have ended could not be deleted yet');
    }
  }
}
