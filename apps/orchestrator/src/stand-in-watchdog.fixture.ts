import type { Bus } from '@purser/bus';
import {
  budgetsList,
  budgetsRetire,
  budgetsSet,
  costsHistory,
  type BudgetStatus,
  heartbeat,
  ledgerModels,
  ledgerSum,
  type Operation,
  type RequestOf,
  taskBudgetId,
} from '@purser/contracts';

/** For specs: as much of a cost-watchdog as an orchestrator asks for. */
export class StandInWatchdog {
  latch = { serial: 1, active: false, by: 'spec', reason: '', at: new Date().toISOString() };
  /** While false it answers nothing. */
  here = true;
  readonly budgets: RequestOf<typeof budgetsSet>[] = [];
  /** Ids of budgets that were deleted. */
  readonly deleted: string[] = [];
  /** What every task, and every session, is said to have used. */
  readonly counts: Partial<Record<string, { inputTokens: number; outputTokens: number; requests: number }>> = {
    task: { inputTokens: 42, outputTokens: 8, requests: 2 },
    session: { inputTokens: 40, outputTokens: 5, requests: 1 },
  };
  /** As `budgets.list` tells of them. */
  readonly statuses = new Map<string, BudgetStatus>();
  private timer: NodeJS.Timeout | undefined;

  /** What each task is said to have spent; nothing unless said. */
  constructor(
    private readonly bus: Bus,
    private readonly spent: Record<string, string> = {},
  ) {
    this.serve(ledgerSum, ({ by, ids }: RequestOf<typeof ledgerSum>) => ({
      sums: ids.map((id) => ({ id, amountUsd: this.spent[id] ?? '0.00', ...this.counts[by] })),
    }));
    this.serve(ledgerModels, ({ tasks }: RequestOf<typeof ledgerModels>) => ({
      sums: tasks.flatMap((task) => {
        const amountUsd = this.spent[task];
        if (amountUsd === undefined) return [];
        return [{ task, provider: 'openai', model: 'gpt', amountUsd, ...this.counts.task, latencyMs: 700 }];
      }),
    }));
    this.serve(budgetsList, ({ task }: RequestOf<typeof budgetsList>) => ({
      revision: 1,
      taskBudgetsRevision: 1,
      budgets: [...this.statuses.values()].filter(({ scope }) => task === undefined || scope.task === task),
    }));
    this.serve(costsHistory, () => {
      const counts = { inputTokens: 10, outputTokens: 5, requests: 1 };
      return { spend: [{ at: '2026-11-26T00:00:00.000Z', provider: 'a, b', amountUsd: '1.50', ...counts }] };
    });
    this.serve(budgetsSet, (budget: RequestOf<typeof budgetsSet>) => {
      this.budgets.push(budget);
      const nothing = { settledUsd: '0.00', leasedUsd: '0.00', presumedUsd: '0.00', remainingUsd: budget.limitUsd };
      return { ...budget, level: 'ok', window: { id: '1', startsAt: this.latch.at, endsAt: null, ...nothing } };
    });
    this.serve(budgetsRetire, ({ task }: RequestOf<typeof budgetsRetire>) => {
      const id = taskBudgetId(task);
      this.deleted.push(id);
      return { id, deleted: true };
    });
    this.timer = setInterval(() => void this.beat(), 500);
  }

  beat(): Promise<void> {
    const { at } = this.latch;
    return this.bus.publish(heartbeat, 'cost-watchdog.stand-in', {
      service: 'cost-watchdog',
      instance: 'stand-in',
      version: '0',
      startedAt: at,
      at,
      latch: this.latch,
    });
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private serve<Request>(operation: Operation, answer: (request: Request) => unknown): void {
    this.bus.connection.subscribe(operation.name, {
      callback: (_error, message) => {
        if (this.here) message.respond(JSON.stringify(answer(message.json<Request>())));
      },
    });
  }
}
