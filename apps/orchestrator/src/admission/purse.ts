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

/** Whether calls for a project count against it as far as that is known before they are made: which provider is called is not. */
const concerns = ({ scope }: Purse, project: string | null): boolean =>
  scope.provider === undefined && scope.key === undefined && (scope.project ?? project) === project;

/** Budgets of tasks come in thousands; each task is held against its own alone. */
export class Purses {
  private readonly byId: ReadonlyMap<string, Purse>;
  private readonly general: Purse[] = [];
  private readonly ofTask = new Map<string, Purse[]>();

  constructor(purses: readonly Purse[]) {
    this.byId = new Map(purses.map((purse) => [purse.id, purse]));
    for (const purse of purses) {
      const { task } = purse.scope;
      if (task === undefined) this.general.push(purse);
      else this.ofTask.set(task, [...(this.ofTask.get(task) ?? []), purse]);
    }
  }

  /** Those that concern it, and those that it names. */
  of(task: { id: string; project: string | null; ancestors: readonly string[] }, named: readonly string[]): Purse[] {
    const own = [task.id, ...task.ancestors].flatMap((id) => this.ofTask.get(id) ?? []);
    const concerned = [...this.general, ...own].filter((purse) => concerns(purse, task.project));
    const also = named.flatMap((id) => this.byId.get(id) ?? []);
    return [...new Set([...concerned, ...also])];
  }
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
