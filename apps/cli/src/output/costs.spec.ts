import { budgetWith, COSTS, NO_LATCH, SET_LATCH } from '../testing/costs.fixture.js';
import { dashboardText, healthOf, mainBudget, modeOf } from './costs.js';

const plain = { style: (_: string, text: string) => text };

describe('the dashboard', () => {
  it('shows budget, spent, remaining, percent, mode, model, end of month, health and the breakdown', () => {
    const budgets = [
      budgetWith('16.00', 'ok'),
      budgetWith('4.50', 'critical', { id: 'daily', period: 'day', limitUsd: '5' }),
    ];
    expect(dashboardText({ costs: COSTS, budgets, latch: NO_LATCH }, plain)).toBe(`\
budget        $50.00 per month (monthly-total)
spent         $16.00, 32.0 %
remaining     $34.00
today         $1.50
this week     $4.00
this month    $16.00 (UTC)
end of month  $20.12 ($17.00 to $25.50, by 23 days)
saved         $3.20 this month, against the first paid tiers
mode          paid
model         openai/gpt-x (tier_1_paid), 2m ago
health        critical: daily at 90.0 %

PROVIDER   MODEL     THIS MONTH    PART  REQUESTS
openai     gpt-x         $12.00  75.0 %     1,200
anthropic  claude-y       $4.00  25.0 %        30
ollama     llama          $0.00   0.0 %       400
`);
  });

  it('of a Purser that has done nothing yet is short', () => {
    const costs = {
      ...COSTS,
      ...{ todayUsd: '0.00', weekUsd: '0.00', monthUsd: '0.00', byProvider: [], inUse: null },
      ...{ savedUsd: '0.00', forecast: { enough: false, days: 3, projectedUsd: null, lowUsd: null, highUsd: null } },
    };
    expect(dashboardText({ costs, budgets: [], latch: NO_LATCH }, plain)).toBe(`\
budget        none: paid calls have no limit
today         $0.00
this week     $0.00
this month    $0.00 (UTC)
end of month  not enough data: 3 of 7 whole days
mode          paid
health        ok
`);
  });
});

it('takes the smallest monthly budget over everything for the main one, else the smallest over everything', () => {
  const scoped = budgetWith('0', 'ok', { id: 'one', limitUsd: '1', scope: { provider: 'openai' } });
  const daily = budgetWith('0', 'ok', { id: 'daily', limitUsd: '2', period: 'day' });
  const months = ['30', '9'].map((limitUsd) => budgetWith('0', 'ok', { id: `m${limitUsd}`, limitUsd }));
  expect(mainBudget([scoped, daily, ...months])?.id).toBe('m9');
  expect(mainBudget([scoped, daily])?.id).toBe('daily');
  expect(mainBudget([scoped])).toBeUndefined();
});

it.each([
  ['paid', [budgetWith('49', 'critical')], NO_LATCH],
  ['paid', [budgetWith('9', 'exhausted', { scope: { provider: 'openai' } })], NO_LATCH],
  ['free models only: monthly-total is exhausted', [budgetWith('50', 'exhausted')], NO_LATCH],
  [
    'blocked: b is exhausted',
    [budgetWith('50', 'exhausted', { id: 'b', onExhausted: 'block' }), budgetWith('50', 'exhausted')],
    NO_LATCH,
  ],
  ['stopped: emergency, set by ada', [budgetWith('50', 'exhausted')], SET_LATCH],
] as const)('the mode is "%s"', (mode, budgets, latch) => {
  expect(modeOf({ budgets, latch })).toBe(mode);
});

it.each([
  ['ok', []],
  ['warning: a at 80.0 %', [budgetWith('40', 'warning', { id: 'a' })]],
  [
    'exhausted: b at 100.0 %, c at 100.0 %',
    [
      budgetWith('40', 'warning', { id: 'a' }),
      budgetWith('50', 'exhausted', { id: 'b' }),
      budgetWith('0', 'exhausted', { id: 'c', limitUsd: '0' }),
    ],
  ],
] as const)('the health is "%s"', (text, budgets) => {
  expect(healthOf({ budgets, latch: NO_LATCH }).text).toBe(text);
  expect(healthOf({ budgets, latch: SET_LATCH }).text).toBe('emergency: a loop');
});
