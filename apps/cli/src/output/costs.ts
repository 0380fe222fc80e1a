import type { BudgetStatus, costsSummary, Latch, ReplyOf } from '@purser/contracts';
import type { Style, Terminal } from '../terminal.js';
import { fields, table } from './table.js';
import { count, percent, period, since, usd } from './words.js';

export type Costs = ReplyOf<typeof costsSummary>;

export interface Dashboard {
  costs: Costs;
  budgets: readonly BudgetStatus[];
  latch: Latch;
}

/** In percent of its limit. A budget of nothing is used up. */
export const usedOf = ({ limitUsd, window }: BudgetStatus): number =>
  Number(limitUsd) === 0 ? 100 : (Number(window.settledUsd) / Number(limitUsd)) * 100;

const isOverAll = ({ scope }: BudgetStatus): boolean => Object.keys(scope).length === 0;

/** The one that most people mean by "the budget": the smallest over everything, for a month if there is one. */
export function mainBudget(budgets: readonly BudgetStatus[]): BudgetStatus | undefined {
  const overAll = budgets.filter(isOverAll);
  const monthly = overAll.filter((budget) => budget.period === 'month');
  return [...(monthly.length > 0 ? monthly : overAll)].sort((a, b) => Number(a.limitUsd) - Number(b.limitUsd))[0];
}

/** Whether calls are paid for now, as far as budgets over everything and the latch say. */
export function modeOf({ budgets, latch }: Omit<Dashboard, 'costs'>): string {
  if (latch.active) return `stopped: emergency, set by ${latch.by}`;
  const out = budgets.filter((budget) => isOverAll(budget) && budget.level === 'exhausted');
  const blocking = out.find(({ onExhausted }) => onExhausted !== 'free');
  if (blocking) return `blocked: ${blocking.id} is exhausted`;
  return out[0] ? `free models only: ${out[0].id} is exhausted` : 'paid';
}

const WORST_FIRST = ['exhausted', 'critical', 'warning'] as const;
const STYLES = { exhausted: 'red', critical: 'red', warning: 'yellow' } as const;

export function healthOf({ budgets, latch }: Omit<Dashboard, 'costs'>): { text: string; style: Style } {
  if (latch.active) return { text: `emergency: ${latch.reason}`, style: 'red' };
  const level = WORST_FIRST.find((one) => budgets.some((budget) => budget.level === one));
  if (level === undefined) return { text: 'ok', style: 'green' };
  const those = budgets.filter((budget) => budget.level === level);
  const named = those.map((budget) => `${budget.id} at ${percent(usedOf(budget))}`).join(', ');
  return { text: `${level}: ${named}`, style: STYLES[level] };
}

function forecastText({ forecast }: Costs): string {
  const { enough, days, projectedUsd, lowUsd, highUsd } = forecast;
  if (!enough) return `not enough data: ${days} of 7 whole days`;
  return `${usd(cents(projectedUsd))} (${usd(cents(lowUsd))} to ${usd(cents(highUsd))}, by ${count(days, 'day')})`;
}

/** Nobody foresees fractions of a cent. */
const cents = (amount: string | null): string | null => (amount === null ? null : Number(amount).toFixed(2));

export function dashboardText(given: Dashboard, terminal: Pick<Terminal, 'style'>): string {
  const { costs, budgets } = given;
  const main = mainBudget(budgets);
  const health = healthOf(given);
  const { inUse } = costs;
  const lines = fields([
    [
      'budget',
      main ? `${usd(main.limitUsd)} per ${period(main.period)} (${main.id})` : 'none: paid calls have no limit',
    ],
    ['spent', main && `${usd(main.window.settledUsd)}, ${percent(usedOf(main))}`],
    ['remaining', main && usd(main.window.remainingUsd)],
    ['today', usd(costs.todayUsd)],
    ['this week', usd(costs.weekUsd)],
    ['this month', `${usd(costs.monthUsd)} (UTC)`],
    ['end of month', forecastText(costs)],
    ['saved', Number(costs.savedUsd) > 0 ? `${usd(costs.savedUsd)} this month, against the first paid tiers` : null],
    ['mode', modeOf(given)],
    ['model', inUse && `${inUse.provider}/${inUse.model} (${inUse.tier}), ${since(inUse.at, new Date(costs.at))} ago`],
    ['health', terminal.style(health.style, health.text)],
  ]);
  return costs.byProvider.length === 0 ? lines : `${lines}\n${breakdown(costs, terminal)}`;
}

function breakdown({ byProvider, monthUsd }: Costs, terminal: Pick<Terminal, 'style'>): string {
  const total = Number(monthUsd);
  return table(
    byProvider,
    [
      { head: 'PROVIDER', cell: ({ provider }) => provider },
      { head: 'MODEL', cell: ({ model }) => model || '-' },
      { head: 'THIS MONTH', cell: (row) => usd(row.monthUsd), right: true },
      { head: 'PART', cell: (row) => (total > 0 ? percent((Number(row.monthUsd) / total) * 100) : '-'), right: true },
      { head: 'REQUESTS', cell: ({ requests }) => requests.toLocaleString('en-US'), right: true },
    ],
    (head) => terminal.style('dim', head),
  );
}
