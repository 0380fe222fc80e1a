import type { BudgetInput, BudgetLevel, BudgetStatus, Latch } from '@purser/contracts';
import { Budget } from '@purser/contracts';
import type { Costs } from '../output/costs.js';

/** For specs: a budget of which so much is spent. */
export const budgetWith = (spentUsd: string, level: BudgetLevel, given: Partial<BudgetInput> = {}): BudgetStatus => {
  const budget = Budget.parse({ id: 'monthly-total', period: 'month', limitUsd: '50.00', ...given });
  return {
    ...budget,
    level,
    window: {
      id: '1',
      startsAt: '2026-11-01T00:00:00Z',
      endsAt: '2026-12-01T00:00:00Z',
      settledUsd: spentUsd,
      leasedUsd: '0.00',
      presumedUsd: '0.00',
      remainingUsd: (Number(budget.limitUsd) - Number(spentUsd)).toFixed(2),
    },
  };
};

export const NO_LATCH: Latch = { serial: 0, active: false, by: 'nobody', reason: '', at: '2026-11-01T00:00:00Z' };
export const SET_LATCH: Latch = { ...NO_LATCH, serial: 1, active: true, by: 'ada', reason: 'a loop' };

export const COSTS: Costs = {
  at: '2026-11-26T10:20:00Z',
  todayUsd: '1.50',
  weekUsd: '4.00',
  monthUsd: '16.00',
  byProvider: [
    { provider: 'openai', model: 'gpt-x', monthUsd: '12.00', requests: 1200 },
    { provider: 'anthropic', model: 'claude-y', monthUsd: '4.00', requests: 30 },
    { provider: 'ollama', model: 'llama', monthUsd: '0.00', requests: 400 },
  ],
  inUse: { provider: 'openai', model: 'gpt-x', tier: 'tier_1_paid', capability: 'code', at: '2026-11-26T10:18:00Z' },
  forecast: { enough: true, days: 23, projectedUsd: '20.123456789', lowUsd: '17.00', highUsd: '25.50' },
  savedUsd: '3.20',
};
