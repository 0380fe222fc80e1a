import type { BudgetStatus, WorkOutlook } from '@purser/contracts';

/** Why a run ends by itself. */
export type Ending = 'empty' | 'time' | 'budget' | 'emergency';

/** So many looks in a row must agree: a task may be on its way from one state to the next, and a latch not known for a moment. */
const LOOKS: Record<Ending, number> = { empty: 3, time: 1, budget: 1, emergency: 10 };

/** Whether there is nothing to do now, nor soon. */
export function isEmpty({ running, ready, stuck, nextAt, at }: WorkOutlook, lingerMs: number): boolean {
  if (running > 0 || ready > stuck) return false;
  return nextAt === null || Date.parse(nextAt) - Date.parse(at) > lingerMs;
}

/** Paid calls are refused with this budget at its end, and no free model takes their place. */
export const isGone = ({ scope, level, onExhausted }: BudgetStatus): boolean =>
  Object.values(scope).every((one) => one === undefined) && level === 'exhausted' && onExhausted !== 'free';

export interface Look {
  outlook: WorkOutlook;
  budgets: readonly BudgetStatus[];
  msLeft: number;
}

/** Look after look, says when the run is to end. */
export class Verdict {
  private before: Ending | undefined;
  private inARow = 0;

  constructor(private readonly lingerMs: number) {}

  after(look: Look): Ending | undefined {
    const ending = this.ofOne(look);
    this.inARow = ending === this.before ? this.inARow + 1 : 1;
    this.before = ending;
    return ending !== undefined && this.inARow >= LOOKS[ending] ? ending : undefined;
  }

  private ofOne({ outlook, budgets, msLeft }: Look): Ending | undefined {
    if (msLeft <= 0) return 'time';
    if (budgets.some(isGone)) return 'budget';
    if (outlook.emergency && outlook.running === 0) return 'emergency';
    return isEmpty(outlook, this.lingerMs) ? 'empty' : undefined;
  }
}
