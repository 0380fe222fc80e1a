import type { BudgetStatus } from '@purser/contracts';
import { minNano, type Nano, parseUsd } from '@purser/money';
import type { MatchedWindow, Reserved } from './matched-window.js';

/** A budget's current window as the watchdog told it. */
export interface KnownWindow extends MatchedWindow {
  scope: BudgetStatus['scope'];
  /** The same, as calls below the priority of its reserve see it. */
  lesser: (MatchedWindow & { reserved: Reserved }) | undefined;
  /** Decides, with the limit, what the money of the window is good for. */
  shape: string;
}

const partOf = ({ limitUsd }: BudgetStatus, share: number): Nano =>
  (parseUsd(limitUsd) * BigInt(Math.round(share * 1e9))) / 1_000_000_000n;

export function readStatus(budget: BudgetStatus): KnownWindow {
  const window: MatchedWindow = {
    id: budget.window.id,
    budgetId: budget.id,
    limit: partOf(budget, budget.thresholds.cutoff),
    critical: partOf(budget, budget.thresholds.critical),
    settled: parseUsd(budget.window.settledUsd),
    rolling: typeof budget.period === 'object',
    startsAt: Date.parse(budget.window.startsAt),
    endsAt: budget.window.endsAt === null ? Infinity : Date.parse(budget.window.endsAt),
    blocks: budget.onExhausted === 'block',
  };
  return {
    ...window,
    scope: budget.scope,
    lesser: lesserOf(window, budget),
    shape: JSON.stringify([budget.scope, budget.period, budget.timezone]),
  };
}

function lesserOf(window: MatchedWindow, { reserve, window: { reservedUsd } }: BudgetStatus): KnownWindow['lesser'] {
  if (!reserve || reservedUsd === undefined) return undefined;
  const amount = minNano(window.limit, parseUsd(reservedUsd));
  return { ...window, limit: window.limit - amount, reserved: { amount, minPriority: reserve.minPriority } };
}

/** The windows that allow less than they did, or that are gone. */
export const tightened = (before: readonly KnownWindow[], after: readonly KnownWindow[]): string[] => {
  const now = new Map(after.map((window) => [window.id, window]));
  return before.flatMap((known) => {
    const window = now.get(known.id);
    return window && window.shape === known.shape && !allowsLess(window, known) ? [] : [known.id];
  });
};

/** To any call, of whatever priority. */
const allowsLess = (now: KnownWindow, before: KnownWindow): boolean =>
  now.limit < before.limit ||
  (now.lesser ?? now).limit < (before.lesser ?? before).limit ||
  (now.lesser?.reserved.minPriority ?? 0) > (before.lesser?.reserved.minPriority ?? 0);
