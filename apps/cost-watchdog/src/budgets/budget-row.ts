import type {
  Budget,
  BudgetLevel,
  BudgetPeriod,
  BudgetReserve,
  BudgetScope,
  BudgetStatus,
  WeekDay,
} from '@purser/contracts';
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
  reserve_share: string | null;
  reserve_nano: Nano | null;
  reserve_priority: number | null;
  /** Of cutoff_nano: what calls below that priority may not use; zero without a reserve. */
  reserved_nano: Nano;
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

function reserveOf({ reserve_share, reserve_nano, reserve_priority }: BudgetRow): BudgetReserve | undefined {
  if (reserve_priority === null) return undefined;
  const minPriority = reserve_priority;
  return reserve_nano === null
    ? { share: Number(reserve_share), minPriority }
    : { amountUsd: formatUsd(reserve_nano), minPriority };
}

export function definitionOf(row: BudgetRow): Budget {
  const reserve = reserveOf(row);
  return {
    id: row.id,
    scope: scopeOf(row),
    period: periodOf(row),
    timezone: row.timezone,
    ...(row.period === 'week' && row.week_start !== 'monday' ? { weekStart: row.week_start } : {}),
    limitUsd: formatUsd(row.limit_nano),
    thresholds: { warning: Number(row.warning), critical: Number(row.critical), cutoff: Number(row.cutoff) },
    onExhausted: row.on_exhausted,
    ...(reserve ? { reserve } : {}),
  };
}

/** What is left of so much, in dollars. */
const leftOf = (grantable: Nano, { settled_nano, leased_nano }: StatusRow): string =>
  formatUsd(maxNano(0n, grantable - maxNano(0n, settled_nano) - leased_nano));

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
    remainingUsd: leftOf(row.cutoff_nano, row),
    ...(row.reserve_priority === null
      ? {}
      : {
          reservedUsd: formatUsd(row.reserved_nano),
          unreservedUsd: leftOf(row.cutoff_nano - row.reserved_nano, row),
        }),
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
    ...(budget.reserve ? [reserveTerms(budget.reserve)] : []),
  ]);

const reserveTerms = (reserve: BudgetReserve): unknown[] =>
  'share' in reserve
    ? [reserve.minPriority, reserve.share]
    : [reserve.minPriority, parseUsd(reserve.amountUsd).toString()];
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
