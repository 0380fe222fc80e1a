import type { Budget, BudgetLevel, BudgetPeriod, BudgetScope, BudgetStatus, WeekDay } from '@purser/contracts';
import { formatUsd, maxNano, type Nano, parseUsd } from '@purser/money';
import { type Range, windowAt } from '../windows/calendar.js';

/** A budget as its table has it. */
export interface BudgetRow {
  id: string;
  scope_provider: string | null;
  scope_project: string | null;
  scope_key: string | null;
  scope_task: string | null;
  period: 'day' | 'week' | 'month' | 'total' | 'hours';
  hours: number | null;
  timezone: string;
  week_start: WeekDay;
  limit_nano: Nano;
  warning: string;
  critical: string;
  cutoff: string;
  /** limit x cutoff: what may be granted in one window. */
  cutoff_nano: Nano;
  on_exhausted: Budget['onExhausted'];
  origin: 'config' | 'set';
  file_content: Budget | null;
  shape: number;
  deleted_at: Date | null;
}

/** A budget with the window that is current. */
export interface StatusRow extends BudgetRow {
  window_id: bigint;
  starts_at: Date;
  ends_at: Date | null;
  settled_nano: Nano;
  leased_nano: Nano;
  presumed_nano: Nano;
  level: BudgetLevel;
}

export const periodOf = (row: Pick<BudgetRow, 'period' | 'hours'>): BudgetPeriod =>
  row.period === 'hours' ? { hours: row.hours ?? 1 } : row.period;

/** The window of this budget that holds `at`. */
export const rangeOf = (row: BudgetRow, at: Date): Range => windowAt(periodOf(row), row.timezone, at, row.week_start);

export function scopeOf(row: BudgetRow): BudgetScope {
  return {
    ...(row.scope_provider === null ? {} : { provider: row.scope_provider }),
    ...(row.scope_project === null ? {} : { project: row.scope_project }),
    ...(row.scope_key === null ? {} : { key: row.scope_key }),
    ...(row.scope_task === null ? {} : { task: row.scope_task }),
  };
}

export const definitionOf = (row: BudgetRow): Budget => ({
  id: row.id,
  scope: scopeOf(row),
  period: periodOf(row),
  timezone: row.timezone,
  ...(row.period === 'week' && row.week_start !== 'monday' ? { weekStart: row.week_start } : {}),
  limitUsd: formatUsd(row.limit_nano),
  thresholds: { warning: Number(row.warning), critical: Number(row.critical), cutoff: Number(row.cutoff) },
  onExhausted: row.on_exhausted,
});

export const statusOf = (row: StatusRow): BudgetStatus => ({
  ...definitionOf(row),
  level: row.level,
  window: {
    id: row.window_id.toString(),
    startsAt: row.starts_at.toISOString(),
    endsAt: row.ends_at?.toISOString() ?? null,
    settledUsd: formatUsd(row.settled_nano),
    leasedUsd: formatUsd(row.leased_nano),
    presumedUsd: formatUsd(row.presumed_nano),
    remainingUsd: formatUsd(maxNano(0n, row.cutoff_nano - row.settled_nano - row.leased_nano)),
  },
});

/** One spelling for each definition, whatever the order of its fields or the zeros of its amounts. */
export const fingerprint = (budget: Budget): string =>
  JSON.stringify([
    budget.id,
    shapeOf(budget),
    parseUsd(budget.limitUsd).toString(),
    budget.thresholds.warning,
    budget.thresholds.critical,
    budget.thresholds.cutoff,
    budget.onExhausted,
  ]);

type Shaped = Pick<Budget, 'scope' | 'period' | 'timezone' | 'weekStart'>;

/** What decides which spend counts: when it changes, the spend of the current window is counted anew. */
export const shapeOf = ({ scope, period, timezone, weekStart = 'monday' }: Shaped): string =>
  JSON.stringify([
    scope.provider ?? null,
    scope.project ?? null,
    scope.key ?? null,
    scope.task ?? null,
    typeof period === 'object' ? period.hours : period,
    timezone,
    ...(period === 'week' && weekStart !== 'monday' ? [weekStart] : []),
  ]);
