import type { BudgetStatus } from '@purser/contracts';
import { parseUsd } from '@purser/money';
import { reportNotice } from './report-text.js';

const budget = (id: string, limitUsd: string, settledUsd: string, presumedUsd = '0'): BudgetStatus => ({
  id,
  scope: {},
  period: 'day',
  timezone: 'UTC',
  limitUsd,
  thresholds: { warning: 0.75, critical: 0.9, cutoff: 1 },
  onExhausted: 'free',
  level: 'ok',
  window: {
    id: '1',
    startsAt: '2026-11-28T00:00:00Z',
    endsAt: null,
    settledUsd,
    leasedUsd: '0',
    presumedUsd,
    remainingUsd: '0',
  },
});

const figures = {
  day: '2026-11-27',
  timezone: 'Europe/Berlin',
  spent: [
    { provider: 'openai', day: parseUsd('1.234'), month: parseUsd('20') },
    { provider: 'anthropic', day: 0n, month: parseUsd('0.001') },
  ],
  budgets: [budget('daily', '5.00', '1.00', '0.25'), budget('none', '0', '0')],
  open: [
    { severity: 'critical' as const, title: 'It burns', silenced: false },
    { severity: 'warning' as const, title: 'It smokes', silenced: true },
  ],
  at: new Date('2026-11-28T07:00:00Z'),
};

it('tells the day, the month, providers, budgets and open alerts', () => {
  const notice = reportNotice(figures);
  expect(notice).toMatchObject({
    id: 'report-2026-11-27',
    state: 'report',
    title: '2026-11-27: $1.23 spent, $20.00 in the month, 1 open alert',
  });
  expect(notice.text).toBe(
    [
      '2026-11-27 (Europe/Berlin): $1.23',
      '2026-11 up to then: $20.00',
      '',
      'By provider (day, month):',
      '- openai: $1.23, $20.00',
      '- anthropic: $0.00, under $0.01',
      '',
      'Budgets now:',
      '- daily: $1.25 of $5.00 (25 %), ok',
      '- none: $0.00 of $0.00, ok',
      '',
      'Open alerts:',
      '- critical: It burns',
    ].join('\n'),
  );
  expect(notice.details).toMatchObject({ dayUsd: '1.2340', budgets: [{ percent: 25 }, { percent: null }] });
});

it('says so when there is nothing', () => {
  const notice = reportNotice({ ...figures, spent: [], budgets: [], open: [] });
  expect(notice.title).toBe('2026-11-27: $0.00 spent, $0.00 in the month');
  expect(notice.text).toContain('No alert is open.');
});
