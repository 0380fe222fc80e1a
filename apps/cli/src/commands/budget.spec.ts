import type { BudgetStatus } from '@purser/contracts';
import { changed, differences } from './budget.js';

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
