import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { budgetsSet, isPurserError, taskBudgetId } from '@purser/contracts';
import { Database } from '@purser/database';
import { formatUsd } from '@purser/money';
import { Log } from '@purser/service';
import type { NewTask } from '../tasks/submission.js';
import { TaskFacts } from '../tasks/task-facts.js';
import { TasksRepository } from '../tasks/tasks.repository.js';
import { Nudge } from '../work/nudge.js';

const CALL_TIMEOUT_MS = 3_000;
const AT_ONCE = 20;

/** Sees to it that the watchdog knows a task's own budget before any session of it starts. */
@Injectable()
export class TaskBudgets {
  private running: Promise<void> | undefined;
  private again = false;
  /** The last one that was tried: those whose budget keeps failing do not keep the others from theirs. */
  private triedTo = 0n;

  constructor(
    private readonly database: Database,
    private readonly tasks: TasksRepository,
    private readonly bus: Bus,
    private readonly facts: TaskFacts,
    private readonly nudge: Nudge,
    private readonly log: Log,
  ) {}

  /** A task that may run needs its budget first, if it has one. */
  stored(tasks: readonly { task: NewTask; state: 'ready' | 'blocked' }[]): void {
    if (tasks.some(({ task }) => !task.budgetReady)) void this.setMissing();
    if (tasks.some(({ task, state }) => task.budgetReady && state === 'ready')) this.nudge.workIsReady();
  }

  /** After a task with a budget was stored, and from the sweep. Never rejects; what fails is tried again by the next sweep. */
  setMissing(): Promise<void> {
    this.again = true;
    this.running ??= this.run().finally(() => (this.running = undefined));
    return this.running;
  }

  private async run(): Promise<void> {
    while (this.again && this.bus.connected) {
      this.again = false;
      try {
        const waiting = await this.tasks.withoutBudget(AT_ONCE, this.triedTo);
        this.triedTo = waiting.at(-1)?.seq ?? 0n;
        const set = await Promise.all(waiting.map(({ id, budget_nano }) => this.set(id, budget_nano)));
        // Those of the tasks above them may be set by now.
        if (await this.tasks.budgetsAboveAreSet()) this.nudge.workIsReady();
        for (const id of await this.tasks.budgetAboveNeverCame(AT_ONCE))
          await this.refuse(id, 'a task that it is a part of ended before its budget was set');
        if (waiting.length === AT_ONCE && set.some(Boolean)) this.again = true;
      } catch (error) {
        this.log.warn({ error }, 'tasks that wait for their budget could not be read');
        return;
      }
    }
  }

  private async set(taskId: string, limit: bigint): Promise<boolean> {
    try {
      await this.bus.call(
        budgetsSet,
        {
          id: taskBudgetId(taskId),
          scope: { task: taskId },
          period: 'total',
          limitUsd: formatUsd(limit),
          onExhausted: 'free',
          by: 'orchestrator',
          reason: `budgetUsd of task ${taskId}`,
        },
        { timeoutMs: CALL_TIMEOUT_MS },
      );
      const isSet = await this.tasks.budgetIsSet(taskId);
      if (isSet) this.nudge.workIsReady();
      return isSet;
    } catch (error) {
      if (isPurserError(error) && !error.retryable && error.code !== 'internal')
        await this.refuse(taskId, `the watchdog refused the task's budget: ${error.message}`);
      else this.log.debug({ error, taskId }, 'the budget of a task is not set yet');
      return false;
    }
  }

  /** A budget that the watchdog will never take: the task cannot start within its limit, so it does not start. */
  private async refuse(taskId: string, message: string): Promise<void> {
    const error = { code: 'budget_refused', message };
    await this.database.transaction(async (tx) => {
      const failed = await this.tasks.failWaiting(tx, taskId, error);
      if (failed) await this.facts.failed(tx, taskId, failed.epoch, error);
    });
    this.facts.send();
  }
}
