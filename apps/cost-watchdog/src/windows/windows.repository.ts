import { Injectable } from '@nestjs/common';
import type { Budget, BudgetLevel } from '@purser/contracts';
import type { Sql } from '@purser/database';
import type { Nano } from '@purser/money';
import type { BudgetRow } from '../budgets/budget-row.js';
import type { Range } from './calendar.js';

export interface LevelChange {
  window_id: bigint;
  budget_id: string;
  on_exhausted: Budget['onExhausted'];
  previous: BudgetLevel;
  level: BudgetLevel;
}

@Injectable()
export class WindowsRepository {
  /**
   * Held, before any other lock, by whoever settles and by whoever makes or reshapes windows: what a new window counts
   * from the ledger and what settlements add to it can neither overlap nor leave a gap. Settlements exclude each other,
   * too: with locks that they share, a shaper might never get its turn, and most of them meet at a window all the same.
   */
  async lockShaping(tx: Sql): Promise<void> {
    await tx.query('SELECT one FROM shaping FOR UPDATE', [], 'lock-shaping');
  }

  /** Row locks in id order, the order of every statement that changes several windows; first these, then leases. */
  async lockRows(tx: Sql, windowIds: readonly bigint[]): Promise<void> {
    await tx.query(
      'SELECT id FROM windows WHERE id = ANY($1::bigint[]) ORDER BY id FOR UPDATE',
      [windowIds],
      'lock-windows',
    );
  }

  /** Live budgets whose current window is missing, or whose rolling window has not moved on. */
  behind(sql: Sql, now: Date): Promise<BudgetRow[]> {
    return sql.query<BudgetRow>(
      `SELECT b.* FROM budgets b
        WHERE b.deleted_at IS NULL AND b.period <> 'total'
          AND NOT EXISTS (
            SELECT 1 FROM windows w
             WHERE w.budget_id = b.id AND w.shape = b.shape AND w.starts_at <= $1
               AND (w.ends_at > $1 OR w.starts_at + (b.hours + 1) * interval '1 hour' > $1))
        ORDER BY b.id`,
      [now],
    );
  }

  /** Made once, however many try. Counts what the ledger already has, and takes over the level of the window before it. */
  async open(tx: Sql, budget: BudgetRow, range: Range, now: Date): Promise<bigint | undefined> {
    const settled = settledFrom(budget, range, undefined, 7);
    const [row] = await tx.query<{ id: bigint }>(
      `INSERT INTO windows (budget_id, shape, starts_at, ends_at, limit_nano, settled_nano, level, touched_at)
       VALUES ($1, $2, $3, $4, $5, (${settled.sql}),
               coalesce((SELECT w.level FROM windows w WHERE w.budget_id = $1 ORDER BY w.starts_at DESC LIMIT 1), 'ok'), $6)
       ON CONFLICT (budget_id, shape, starts_at) DO NOTHING RETURNING id`,
      [budget.id, budget.shape, range.startsAt, range.endsAt, budget.cutoff_nano, now, ...settled.parameters],
    );
    return row?.id;
  }

  /** The window of this shape that was current; its leases stay when its budget changes. */
  async current(tx: Sql, budgetId: string, shape: number, now: Date): Promise<bigint | undefined> {
    const [row] = await tx.query<{ id: bigint }>(
      `SELECT id FROM windows WHERE budget_id = $1 AND shape = $2 AND starts_at <= $3 AND (ends_at IS NULL OR ends_at > $3)`,
      [budgetId, shape, now],
    );
    return row?.id;
  }

  /** Gives a window its budget's present scope, period and limit, and counts its spend from the ledger. Its leases stay. */
  async reshape(tx: Sql, windowId: bigint, budget: BudgetRow, range: Range, now: Date): Promise<void> {
    const settled = settledFrom(budget, range, windowId, 7);
    await tx.query(
      `UPDATE windows SET shape = $2, starts_at = $3, ends_at = $4, limit_nano = $5, touched_at = $6, used_up = false,
              settled_nano = (${settled.sql}) WHERE id = ${settled.own}`,
      [budget.id, budget.shape, range.startsAt, range.endsAt, budget.cutoff_nano, now, ...settled.parameters],
    );
  }

  /** Only windows that are not over: what an ended one allowed is history. */
  async setLimit(tx: Sql, budget: BudgetRow, now: Date): Promise<bigint[]> {
    const rows = await tx.query<{ id: bigint }>(
      `UPDATE windows SET limit_nano = $3, touched_at = $4, used_up = used_up AND limit_nano = $3
        WHERE budget_id = $1 AND shape = $2 AND (ends_at IS NULL OR ends_at > $4) RETURNING id`,
      [budget.id, budget.shape, budget.cutoff_nano, now],
    );
    return rows.map((row) => row.id);
  }

  /**
   * So much was refused in these windows. Where nearly all is spent, they count as used up from now on: until their limit
   * changes or the next window begins. The rows must be locked; of several watchdogs one sees each window.
   */
  async useUp(tx: Sql, refused: readonly { windowId: bigint; least: Nano }[]): Promise<bigint[]> {
    const rows = await tx.query<{ id: bigint }>(
      `UPDATE windows w SET used_up = true FROM unnest($1::bigint[], $2::bigint[]) AS r(window_id, least)
        WHERE w.id = r.window_id AND w.level = 'critical' AND NOT w.used_up AND w.limit_nano - w.settled_nano < r.least
       RETURNING w.id`,
      [refused.map((one) => one.windowId), refused.map((one) => one.least)],
    );
    return rows.map((row) => row.id);
  }

  /** Their spend was put right: whether they are used up is found out anew, by the next call that is refused. */
  async reconsider(tx: Sql, windowIds: readonly bigint[]): Promise<void> {
    await tx.query('UPDATE windows SET used_up = false WHERE id = ANY($1::bigint[]) AND used_up', [windowIds]);
  }

  /** Sets the level that the figures of current windows call for; of several watchdogs only one sees each change. */
  async changeLevels(tx: Sql, windowIds: readonly bigint[], now: Date): Promise<LevelChange[]> {
    return tx.query<LevelChange>(
      `WITH figures AS (
         SELECT w.id, w.level AS previous, b.on_exhausted,
                CASE WHEN spent.nano >= w.limit_nano OR w.used_up THEN 'exhausted'
                     WHEN spent.nano >= b.critical * b.limit_nano THEN 'critical'
                     WHEN spent.nano >= b.warning * b.limit_nano THEN 'warning'
                     ELSE 'ok' END AS level
           FROM windows w
           JOIN budgets b ON b.id = w.budget_id AND b.shape = w.shape AND b.deleted_at IS NULL
          CROSS JOIN LATERAL (
            SELECT w.settled_nano + coalesce(sum(l.outstanding_nano), 0) AS nano
              FROM leases l WHERE l.window_id = w.id AND l.presumed) AS spent
          WHERE w.id = ANY($1::bigint[]) AND w.starts_at <= $2 AND (w.ends_at IS NULL OR w.ends_at > $2)
       )
       UPDATE windows w SET level = f.level FROM figures f
        WHERE w.id = f.id AND w.level <> f.level
       RETURNING w.id AS window_id, w.budget_id, f.on_exhausted, f.previous, f.level`,
      [windowIds, now],
      'change-levels',
    );
  }
}

/**
 * For statements whose $1 is the budget and $2 its shape. What a window of this budget has to count: spend of its scope in its range, but not what was held in another
 * window of the budget (a call that crossed midnight belongs where it was held).
 * Only the conditions the scope names, so that a task's budget reads its task's entries, not the whole ledger; which a new
 * budget over everything, or over a provider, does not read either.
 */
function settledFrom(
  budget: BudgetRow,
  range: Range,
  windowId: bigint | undefined,
  firstParameter: number,
): { sql: string; own: string; parameters: unknown[] } {
  const parameters: unknown[] = [];
  const place = (value: unknown) => `$${firstParameter + parameters.push(value) - 1}`;
  const from = place(range.startsAt);
  const until = range.endsAt === null ? undefined : place(range.endsAt);
  const within = (column: string) =>
    `${column} >= ${from}::timestamptz${until === undefined ? '' : ` AND ${column} < ${until}::timestamptz`}`;
  const scopes = (['provider', 'project', 'key', 'task'] as const).flatMap((field) => {
    const value = budget[`scope_${field}`];
    return value === null ? [] : [`${field} = ${place(value)}::text`];
  });
  const own = `${place(windowId ?? null)}::bigint`;
  // A gateway's clock may be wrong: a rolling window, which has no fixed edges, goes by when the ledger counted.
  const conditions = [within(budget.period === 'hours' ? 'counted_at' : 'usage_at'), ...scopes].join(' AND ');
  const ofEntries = `SELECT coalesce(sum(e.amount_nano), 0)::bigint FROM entries e
           WHERE ${conditions}
             AND NOT EXISTS (
               SELECT 1 FROM windows held WHERE held.id = ANY(e.held_in) AND held.budget_id = $1
                  AND held.shape = $2 AND held.id IS DISTINCT FROM ${own})`;
  const unit = rolledUpBy(budget, range);
  if (unit === undefined) return { own, sql: ofEntries, parameters };
  const ofSums = `SELECT coalesce(sum(amount_nano), 0)::bigint FROM spend_${unit}s
           WHERE ${[within(unit), ...scopes].join(' AND ')}`;
  // The first window of its shape: nothing can be held in another one, so the sums of the ledger say the same.
  const sql = `SELECT CASE WHEN EXISTS (
                 SELECT 1 FROM windows other WHERE other.budget_id = $1 AND other.shape = $2 AND other.id IS DISTINCT FROM ${own})
               THEN (${ofEntries}) ELSE (${ofSums}) END`;
  return { own, sql, parameters };
}

const HOUR = 3_600_000;

/** The sums of the ledger that a window's edges and scope agree with, if there are any. */
function rolledUpBy(budget: BudgetRow, { startsAt, endsAt }: Range): 'day' | 'hour' | undefined {
  if (budget.period === 'hours') return undefined;
  if (budget.scope_project !== null || budget.scope_key !== null || budget.scope_task !== null) return undefined;
  const isAt = (length: number) => [startsAt, endsAt ?? startsAt].every((edge) => edge.getTime() % length === 0);
  return isAt(24 * HOUR) ? 'day' : isAt(HOUR) ? 'hour' : undefined;
}
