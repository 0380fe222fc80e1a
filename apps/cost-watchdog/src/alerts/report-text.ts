import type { BudgetStatus } from '@purser/contracts';
import { formatUsd, type Nano, parseUsd, sumNano } from '@purser/money';
import type { AlertRow } from './alert-row.js';
import type { StoredNotice } from './notices.js';
import type { ProviderSpend } from './report.repository.js';

export interface ReportFigures {
  /** `2026-11-27`, in the time zone. */
  day: string;
  timezone: string;
  spent: readonly ProviderSpend[];
  budgets: readonly BudgetStatus[];
  open: readonly Pick<AlertRow, 'severity' | 'title' | 'silenced'>[];
  at: Date;
}

const MOST_OPEN = 20;

export function reportNotice(figures: ReportFigures): StoredNotice {
  const { day, timezone, spent, budgets, open, at } = figures;
  const total = sumNano(spent.map((row) => row.day));
  const month = sumNano(spent.map((row) => row.month));
  const told = open.filter(({ silenced }) => !silenced);
  const lines = [
    `${day} (${timezone}): ${dollars(total)}`,
    `${day.slice(0, 7)} up to then: ${dollars(month)}`,
    ...section(
      'By provider (day, month)',
      spent.map((row) => `${row.provider}: ${dollars(row.day)}, ${dollars(row.month)}`),
    ),
    ...section('Budgets now', budgets.map(budgetLine)),
    ...section(
      'Open alerts',
      told.slice(0, MOST_OPEN).map(({ severity, title }) => `${severity}: ${title}`),
    ),
    ...(told.length > MOST_OPEN ? [`and ${told.length - MOST_OPEN} more`] : []),
    ...(told.length === 0 ? ['', 'No alert is open.'] : []),
  ];
  return {
    id: `report-${day}`,
    fingerprint: `report/${day}`,
    state: 'report',
    severity: 'info',
    kind: 'daily_report',
    title: `${day}: ${dollars(total)} spent, ${dollars(month)} in the month${told.length > 0 ? `, ${told.length} open alert${told.length === 1 ? '' : 's'}` : ''}`,
    text: lines.join('\n'),
    details: {
      day,
      timezone,
      dayUsd: formatUsd(total),
      monthUsd: formatUsd(month),
      byProvider: spent.map((row) => ({
        provider: row.provider,
        dayUsd: formatUsd(row.day),
        monthUsd: formatUsd(row.month),
      })),
      budgets: budgets.map((budget) => ({
        id: budget.id,
        limitUsd: budget.limitUsd,
        spentUsd: formatUsd(spentOf(budget)),
        percent: percentOf(budget),
        level: budget.level,
      })),
      openAlerts: told.length,
    },
    at: at.toISOString(),
  };
}

const section = (head: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', `${head}:`, ...lines.map((line) => `- ${line}`)];

const budgetLine = (budget: BudgetStatus): string => {
  const percent = percentOf(budget);
  const part = percent === null ? '' : ` (${percent} %)`;
  return `${budget.id}: ${dollars(spentOf(budget))} of ${dollars(parseUsd(budget.limitUsd))}${part}, ${budget.level}`;
};

const spentOf = ({ window }: BudgetStatus): Nano => parseUsd(window.settledUsd) + parseUsd(window.presumedUsd);

/** With one decimal; null where the limit is zero. */
function percentOf(budget: BudgetStatus): number | null {
  const limit = parseUsd(budget.limitUsd);
  return limit === 0n ? null : Number((spentOf(budget) * 1_000n) / limit) / 10;
}

/** To the cent, for people; what is below a cent but not nothing is told apart from nothing. */
function dollars(nano: Nano): string {
  const cents = (nano < 0n ? nano - 5_000_000n : nano + 5_000_000n) / 10_000_000n;
  if (cents === 0n && nano > 0n) return 'under $0.01';
  const digits = (cents < 0n ? -cents : cents).toString().padStart(3, '0');
  return `${cents < 0n ? '-' : ''}$${digits.slice(0, -2)}.${digits.slice(-2)}`;
}
