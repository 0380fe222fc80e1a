import { type Budget, type BudgetStatus, TASK_BUDGET_PREFIX } from '@purser/contracts';
import { maxNano, type Nano, parseUsd } from '@purser/money';

/** A budget as one that waits for it sees it. */
export interface Purse {
  id: string;
  scope: Budget['scope'];
  exhausted: boolean;
  /** What may be spent in a window. */
  limit: Nano;
  /** Of that, what is not spent. What calls in flight hold is: it mostly comes back. */
  left: Nano;
  /** Kept from tasks below a priority; nothing where there is no reserve. */
  reserved: Nano;
  minPriority: number;
  limitUsd: string;
  period: Budget['period'];
  endsAt: string | null;
}

export function purseOf({ window, thresholds, reserve, ...budget }: BudgetStatus): Purse {
  const whole = parseUsd(budget.limitUsd);
  const limit = (whole * BigInt(Math.round(thresholds.cutoff * 1_000_000))) / 1_000_000n;
  const spent = parseUsd(window.settledUsd) + parseUsd(window.presumedUsd);
  return {
    id: budget.id,
    scope: budget.scope,
    exhausted: budget.level === 'exhausted',
    limit,
    left: maxNano(0n, limit - maxNano(0n, spent)),
    reserved: window.reservedUsd === undefined ? 0n : parseUsd(window.reservedUsd),
    minPriority: reserve?.minPriority ?? 0,
    limitUsd: budget.limitUsd,
    period: budget.period,
    endsAt: window.endsAt,
  };
}

/** Whether a task's calls count against it as far as that is known before they are made: which provider it will call is not. */
export function concerns(
  { scope }: Purse,
  task: { id: string; project: string | null; parent: string | null },
): boolean {
  if (scope.provider !== undefined || scope.key !== undefined) return false;
  if (scope.project !== undefined && scope.project !== task.project) return false;
  return scope.task === undefined || scope.task === task.id || scope.task === task.parent;
}

/** For a person who looks at what waits for it. Nothing in it changes from call to call. */
export function whyNot({ id, limitUsd, period, endsAt, exhausted }: Purse, need: string | undefined): string {
  const every =
    typeof period === 'object' ? `per ${period.hours} hours` : period === 'total' ? 'in all' : `per ${period}`;
  const what = exhausted ? 'is exhausted' : need === undefined ? 'has nothing left' : `has less left than $${need}`;
  return `budget: "${id}" ($${limitUsd} ${every}) ${what}; ${whenAgain(id, period, endsAt)}`;
}

function whenAgain(id: string, period: Purse['period'], endsAt: string | null): string {
  if (endsAt !== null) return `it resets at ${endsAt}`;
  if (typeof period === 'object') return 'it has more again as its spend grows older';
  const whose = id.startsWith(TASK_BUDGET_PREFIX) ? ', its own budget,' : '';
  return `it${whose} does not reset by itself: purser budget set ${id} --limit <usd>`;
}
