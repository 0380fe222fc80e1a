import {
  type BudgetPeriod,
  budgetsDelete,
  budgetsList,
  budgetsSet,
  type BudgetStatus,
  PurserError,
} from '@purser/contracts';
import type { Command } from 'commander';
import type { ControlApi } from '../api/control-api.js';
import type { Terminal } from '../terminal.js';
import { changed, parsePeriod } from './budget.js';

export interface BudgetOptions {
  budget?: string;
  period?: BudgetPeriod;
  onExhausted?: 'free' | 'block' | 'shutdown';
}

export const withBudget = (command: Command): Command =>
  command
    .option('--budget <usd>', 'a budget of its own in dollars, such as 5.00')
    .option('--period <period>', 'of the budget: day, week, month, total, or hours such as 24h (month)', parsePeriod)
    .option('--on-exhausted <action>', 'of the budget: free, block or shutdown (free)');

const budgetId = (key: string): string => (key.startsWith('key-') ? key : `key-${key}`);

export async function setBudget(
  api: ControlApi,
  key: string,
  { budget, period, onExhausted }: BudgetOptions,
  { user }: Pick<Terminal, 'user'>,
  how: 'make' | 'change',
): Promise<BudgetStatus | undefined> {
  if (budget === undefined && period === undefined && onExhausted === undefined) return undefined;
  const id = budgetId(key);
  const known = (await api.call(budgetsList, {})).budgets.find((one) => one.id === id);
  if (known && (how === 'make' || known.scope.key !== key))
    throw new PurserError('conflict', { message: `There is a budget "${id}" already. Give the key another --id.` });
  if (!known && budget === undefined)
    throw new PurserError('invalid_request', {
      message: `The key has no budget "${id}" yet. To make it, give --budget.`,
    });
  const definition = changed(
    id,
    {
      ...(budget === undefined ? {} : { limit: budget }),
      ...(period === undefined && known ? {} : { period: period ?? 'month' }),
      ...(onExhausted === undefined ? {} : { onExhausted }),
      key,
    },
    known,
  );
  return api.call(budgetsSet, { ...definition, by: user, reason: `budget of the key ${key}` });
}

/** The budget comes first, so that at no time there is a key that may spend without it. */
export async function budgeted<T>(
  api: ControlApi,
  key: string,
  options: BudgetOptions,
  terminal: Pick<Terminal, 'user'>,
  make: () => Promise<T>,
): Promise<T> {
  const budget = await setBudget(api, key, options, terminal, 'make');
  try {
    return await make();
  } catch (error) {
    if (budget)
      await api
        .call(budgetsDelete, { id: budget.id, by: terminal.user, reason: `the key ${key} was not made` })
        .catch(() => undefined);
    throw error;
  }
}
