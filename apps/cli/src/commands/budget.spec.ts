import type { BudgetStatus } from '@purser/contracts';
import { budgetTable, changed, differences } from './budget.js';
import { parseReserve } from './reserve.js';

const known: BudgetStatus = {
  id: 'daily',
  scope: { provider: 'openai' },
  period: 'day',
  timezone: 'Europe/Berlin',
  limitUsd: '5',
  thresholds: { warning: 0.5, critical: 0.9, cutoff: 1 },
  onExhausted: 'block',
  level: 'ok',
  window: {
    id: '1',
    startsAt: '2026-11-23T00:00:00Z',
    endsAt: '2026-11-24T00:00:00Z',
    settledUsd: '1',
    leasedUsd: '0',
    presumedUsd: '0',
    remainingUsd: '4',
  },
};

describe('purser budget set', () => {
  it('changes what is given and keeps the rest of a budget that is there', () => {
    expect(changed('daily', { limit: '8', critical: 0.8 }, known)).toEqual({
      id: 'daily',
      scope: { provider: 'openai' },
      period: 'day',
      timezone: 'Europe/Berlin',
      limitUsd: '8',
      thresholds: { warning: 0.5, critical: 0.8, cutoff: 1 },
      onExhausted: 'block',
    });
  });

  it('keeps a reserve, changes it, and takes it away', () => {
    const reserve = { share: 0.1, minPriority: 8 };
    const with8 = { ...known, reserve };
    expect(changed('daily', { limit: '8' }, with8)).toMatchObject({ reserve });
    const other = { amountUsd: '2.50', minPriority: 6 };
    expect(changed('daily', { reserve: other }, with8)).toMatchObject({ reserve: other });
    expect(changed('daily', { reserve: 'none' }, with8)).not.toHaveProperty('reserve');
  });

  it.each([
    ['10%:8', { share: 0.1, minPriority: 8 }],
    ['12.5%:9', { share: 0.125, minPriority: 9 }],
    ['100%:1', { share: 1, minPriority: 1 }],
    ['5:8', { amountUsd: '5', minPriority: 8 }],
    ['0.50:8', { amountUsd: '0.50', minPriority: 8 }],
    ['none', 'none'],
  ])('takes %s for a reserve', (text, reserve) => expect(parseReserve(text)).toEqual(reserve));

  it.each(['10%', '10:0', '0%:8', '101%:8', '10%:10', '-5:8', '$5:8', ':8', ''])('takes no %s for a reserve', (text) =>
    expect(() => parseReserve(text)).toThrow(/10%:8 or 5\.00:8; or none/),
  );

  it('shows what is left for whom, where there is a reserve', () => {
    const plain = { style: (_: unknown, text: string) => text };
    const reserved = {
      ...known,
      reserve: { share: 0.2, minPriority: 8 },
      window: { ...known.window, reservedUsd: '1.00', unreservedUsd: '3.00' },
    };
    const shown = budgetTable([reserved, { ...known, id: 'other' }], plain);
    expect(shown).toMatch(/LEFT +RESERVED +FOR OTHERS/);
    expect(shown).toMatch(/daily .*\$4\.00 +\$1\.00 for 8-9 +\$3\.00 +ok/);
    expect(shown).toMatch(/other .*\$4\.00 +- +\$4\.00 +ok/);
    expect(budgetTable([known], plain)).not.toContain('RESERVED');
  });

  it('makes a new one from a limit and a period', () => {
    expect(changed('new', { limit: '1', period: { hours: 24 }, task: 't1' }, undefined)).toMatchObject({
      id: 'new',
      limitUsd: '1',
      period: { hours: 24 },
      scope: { task: 't1' },
      onExhausted: 'free',
    });
  });

  it('keeps the day on which weeks begin, or takes another', () => {
    const weekly = { ...known, period: 'week' as const, weekStart: 'sunday' as const };
    expect(changed('daily', { limit: '8' }, weekly)).toMatchObject({ weekStart: 'sunday' });
    expect(changed('daily', { weekStart: 'saturday' }, weekly)).toMatchObject({ weekStart: 'saturday' });
  });

  it('says what a new one needs', () => {
    expect(() => changed('new', { limit: '1' }, undefined)).toThrow(/give --limit and --period/);
  });
});

describe('purser budget history', () => {
  const { level: _, window: __, ...definition } = known;

  it('says what was changed', () => {
    expect(differences(null, definition)).toBe('made: $5.00 per day, provider openai');
    expect(differences(definition, { ...definition, limitUsd: '8', period: { hours: 24 } })).toBe(
      'period day -> {hours:24}, limitUsd 5 -> 8',
    );
    expect(differences({ ...definition, period: 'week' }, { ...definition, period: 'week', weekStart: 'sunday' })).toBe(
      'weekStart - -> sunday',
    );
    expect(differences(definition, null)).toBe('deleted');
  });
});
