import { Injectable } from '@nestjs/common';
import type { Sql } from '@purser/database';
import type { Nano } from '@purser/money';

export interface Ask {
  windowId: bigint;
  /** Granted in all, as far as the gateway knows. */
  known: Nano;
  need: Nano;
  want: Nano;
  /** The smallest whole hold that is of use to the call. */
  least: Nano;
}

export type Refusal = 'exhausted' | 'held' | 'closed' | 'released';

export interface GrantRow {
  window_id: bigint;
  granted: Nano;
  refusal: Refusal | null;
  /** What the ledger has of the window, and how much of it this gateway took; null for a window that is unknown. */
  settled: Nano | null;
  consumed: Nano;
  least: Nano;
  /** The refusal shows that a window of which nearly all is spent serves no call any more. */
  uses_up: boolean;
  /** Nothing of the budget's reserve is settled or leased now; null without a reserve. */
  reserve_intact: boolean | null;
  /** The call may not use the reserve. */
  lesser: boolean;
}

export interface LeaseRow {
  window_id: bigint;
  granted_nano: Nano;
  returned_nano: Nano;
  consumed_nano: Nano;
  released_nano: Nano;
}

/** Who asks, up to which release of lost leases it knows, and how important the call is. */
export interface Asker {
  gateway: string;
  releases: number;
  priority: number;
}

export interface Consumption {
  gateway: string;
  windowId: bigint;
  nano: Nano;
}

/** A slice is at most this part of what a window has left, so that the last dollars are not parked in one gateway. */
const SMALLEST_DIVISOR = 50;

@Injectable()
export class LeasesRepository {
  /**
   * One statement: all windows or none. Their rows are locked in id order, then the leases, so every figure is its newest:
   * also a release that was committed while this waited is seen. (A lease that was made meanwhile is not; then what a lost
   * reply granted is granted once more, which the limit still bounds.)
   *
   * For a call below the reserve's priority the limit is smaller by the reserve; whatever is settled or leased counts, whoever
   * has it. When the gateway has enough and only asks whether that still holds, `need` is zero: then it is refused where
   * more than that smaller limit is in use.
   */
  grant(
    sql: Sql,
    { gateway, releases, priority }: Asker,
    asks: readonly Ask[],
    liveGateways: number,
    now: Date,
  ): Promise<GrantRow[]> {
    return sql.query<GrantRow>(
      `WITH asked AS (
         SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $8::bigint[]) AS a(window_id, known, need, want, least)
       ), locked AS MATERIALIZED (
         SELECT id, budget_id, shape, ends_at, limit_nano, settled_nano, leased_nano, level, used_up
           FROM windows WHERE id = ANY($2::bigint[]) ORDER BY id FOR UPDATE
       ), own AS MATERIALIZED (
         SELECT l.window_id, l.granted_nano, l.consumed_nano, l.release_seq
           FROM leases l WHERE l.gateway = $1 AND l.window_id IN (SELECT id FROM locked) FOR UPDATE OF l
       ), known AS (
         SELECT a.window_id, a.least, greatest(a.need, a.least) AS whole, coalesce(l.granted_nano, 0) AS stored,
                w.settled_nano AS settled, coalesce(l.consumed_nano, 0) AS consumed,
                greatest(0, a.need - greatest(0, coalesce(l.granted_nano, 0) - a.known)) AS lacking,
                greatest(0, a.want - greatest(0, coalesce(l.granted_nano, 0) - a.known)) AS wanted,
                -- What silent gateways hold is presumed spent, so nobody waits for it; see ADR 0004.
                r.allowed - greatest(w.settled_nano, 0)
                  - (SELECT coalesce(sum(l2.outstanding_nano), 0)
                       FROM leases l2 WHERE l2.window_id = w.id AND l2.presumed AND l2.gateway <> $1) AS unspent,
                -- Credits may be more than what was spent: they widen no limit.
                r.allowed - greatest(w.settled_nano, 0) - w.leased_nano AS free,
                r.lesser,
                CASE WHEN b.reserve_priority IS NOT NULL
                     THEN w.limit_nano - b.reserved_nano - greatest(w.settled_nano, 0) - w.leased_nano END AS unreserved,
                w.id IS NULL OR w.ends_at <= $6 OR b.deleted_at IS NOT NULL OR b.shape <> w.shape AS closed,
                coalesce(l.release_seq, 0) > $9 AS released,
                -- A call too large for an empty window tells nothing about how full this one is.
                w.level = 'critical' AND NOT w.used_up AND a.least <= w.limit_nano
                  AND a.least > w.limit_nano - w.settled_nano AS last_refusal
           FROM asked a
           LEFT JOIN locked w ON w.id = a.window_id
           LEFT JOIN budgets b ON b.id = w.budget_id
           LEFT JOIN own l ON l.window_id = a.window_id
           LEFT JOIN LATERAL (
             SELECT lesser, w.limit_nano - CASE WHEN lesser THEN b.reserved_nano ELSE 0 END AS allowed
               FROM (SELECT coalesce(b.reserve_priority > $10, false) AS lesser) AS p) AS r ON true
       ), figures AS (
         SELECT window_id, stored, least, last_refusal, settled, consumed, lesser, unreserved,
                CASE WHEN lacking = 0 THEN 0
                     ELSE least(free, greatest(lacking, least(wanted, free / greatest(${SMALLEST_DIVISOR}, $7::bigint)))) END AS give,
                CASE WHEN closed THEN 'closed'
                     WHEN released THEN 'released'
                     WHEN lacking = 0 AND NOT (lesser AND free < 0) THEN NULL
                     WHEN unspent < whole THEN 'exhausted'
                     WHEN free < lacking THEN 'held' END AS refusal
           FROM known
       ), raised AS (
         UPDATE windows w SET leased_nano = w.leased_nano + f.give, touched_at = $6
           FROM figures f
          WHERE w.id = f.window_id AND f.give > 0 AND NOT EXISTS (SELECT 1 FROM figures WHERE refusal IS NOT NULL)
         RETURNING w.id
       ), written AS (
         INSERT INTO leases AS l (gateway, window_id, granted_nano, last_seen)
         SELECT $1, f.window_id, f.give, $6 FROM figures f JOIN raised r ON r.id = f.window_id ORDER BY f.window_id
         ON CONFLICT (gateway, window_id) DO UPDATE
           SET granted_nano = l.granted_nano + excluded.granted_nano, last_seen = excluded.last_seen
         RETURNING window_id, granted_nano
       )
       SELECT f.window_id, coalesce(n.granted_nano, f.stored) AS granted, f.least, f.refusal, f.settled, f.consumed, f.lesser,
              f.unreserved >= CASE WHEN n.window_id IS NULL THEN 0 ELSE f.give END AS reserve_intact,
              coalesce(f.refusal = 'exhausted' AND f.last_refusal, false) AS uses_up
         FROM figures f LEFT JOIN written n ON n.window_id = f.window_id ORDER BY f.window_id`,
      [
        gateway,
        asks.map((ask) => ask.windowId),
        asks.map((ask) => ask.known),
        asks.map((ask) => ask.need),
        asks.map((ask) => ask.want),
        now,
        liveGateways,
        asks.map((ask) => ask.least),
        releases,
        priority,
      ],
    );
  }

  /**
   * The windows' rows must be locked. A total below the stored one, or above what is left, changes nothing more. What was
   * released is no longer set aside in the window: it comes first, or a return of the older money would free newer.
   */
  giveBack(
    tx: Sql,
    gateway: string,
    returns: readonly { windowId: bigint; returned: Nano }[],
    now: Date,
  ): Promise<Pick<LeaseRow, 'window_id' | 'returned_nano'>[]> {
    return tx.query(
      `WITH changes AS (
         SELECT l.window_id, d.delta, least(d.delta, l.released_nano) AS known
           FROM unnest($2::bigint[], $3::bigint[]) AS g(window_id, returned)
           JOIN leases l ON l.gateway = $1 AND l.window_id = g.window_id
          CROSS JOIN LATERAL (
            SELECT greatest(0, least(g.returned, l.granted_nano - l.consumed_nano) - l.returned_nano) AS delta) AS d
       ), freed AS (
         UPDATE windows w SET leased_nano = w.leased_nano - (c.delta - c.known)
           FROM changes c WHERE w.id = c.window_id AND c.delta > c.known
       )
       UPDATE leases l SET returned_nano = l.returned_nano + c.delta, released_nano = l.released_nano - c.known, last_seen = $4
         FROM changes c WHERE l.gateway = $1 AND l.window_id = c.window_id
       RETURNING l.window_id, l.returned_nano`,
      [gateway, returns.map((one) => one.windowId), returns.map((one) => one.returned), now],
    );
  }

  /**
   * Turns leased money into settled money: each window by what is charged to it, each lease by what its calls took of it.
   * The windows' rows must be locked. A lease that is unknown, or smaller than what was taken, gives what it has. What was
   * released of it is taken first: it is no longer set aside, and what was granted since then must stay so.
   */
  async settle(
    tx: Sql,
    charges: ReadonlyMap<bigint, Nano>,
    consumptions: readonly Consumption[],
    now: Date,
  ): Promise<void> {
    await tx.query(
      `WITH taken AS (
         SELECT l.gateway, l.window_id, least(c.nano, l.released_nano) AS known,
                least(c.nano - least(c.nano, l.released_nano), l.outstanding_nano) AS nano
           FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS c(gateway, window_id, nano)
           JOIN leases l ON l.gateway = c.gateway AND l.window_id = c.window_id
       ), consumed AS (
         UPDATE leases l SET consumed_nano = l.consumed_nano + t.known + t.nano, released_nano = l.released_nano - t.known,
                last_seen = $6
           FROM taken t WHERE l.gateway = t.gateway AND l.window_id = t.window_id
       ), sums AS (
         SELECT window_id, sum(charged)::bigint AS charged, sum(taken)::bigint AS taken
           FROM (SELECT window_id, 0 AS charged, nano AS taken FROM taken
                 UNION ALL SELECT * , 0 FROM unnest($4::bigint[], $5::bigint[])) AS parts(window_id, charged, taken)
          GROUP BY window_id
       )
       UPDATE windows w SET settled_nano = w.settled_nano + s.charged, leased_nano = w.leased_nano - s.taken, touched_at = $6
         FROM sums s WHERE w.id = s.window_id`,
      [
        consumptions.map((one) => one.gateway),
        consumptions.map((one) => one.windowId),
        consumptions.map((one) => one.nano),
        [...charges.keys()],
        [...charges.values()],
        now,
      ],
      'settle-in-windows',
    );
  }

  /** What a gateway that starts again takes up: its totals in windows that can still grant, and whatever is outstanding. */
  ofGateway(sql: Sql, gateway: string, now: Date): Promise<LeaseRow[]> {
    return sql.query<LeaseRow>(
      `SELECT l.window_id, l.granted_nano, l.returned_nano, l.consumed_nano, l.released_nano
         FROM leases l JOIN windows w ON w.id = l.window_id JOIN budgets b ON b.id = w.budget_id
        WHERE l.gateway = $1
          AND (l.outstanding_nano > 0 OR l.released_nano > 0
               OR (b.deleted_at IS NULL AND b.shape = w.shape AND (w.ends_at IS NULL OR w.ends_at > $2)))
        ORDER BY l.window_id`,
      [gateway, now],
    );
  }

  /** The number of the last release of lost leases, by which a gateway says what it knows of. */
  async lastRelease(sql: Sql): Promise<number> {
    const [row] = await sql.query<{ seq: bigint }>('SELECT coalesce(max(seq), 0) AS seq FROM lease_releases');
    return Number(row?.seq ?? 0n);
  }

  /** Windows in which gateways other than these hold money that is not presumed yet. */
  async heldByOthers(sql: Sql, alive: readonly string[]): Promise<bigint[]> {
    const rows = await sql.query<{ window_id: bigint }>(
      `SELECT DISTINCT window_id FROM leases
        WHERE NOT presumed AND gateway <> ALL($1::text[]) AND outstanding_nano > 0`,
      [alive],
    );
    return rows.map((row) => row.window_id);
  }

  /** What silent gateways hold counts as spent. The windows' rows must be locked; of several watchdogs one sees each lease. */
  presume(
    tx: Sql,
    windowIds: readonly bigint[],
    alive: readonly string[],
    now: Date,
  ): Promise<{ gateway: string; window_id: bigint; nano: Nano }[]> {
    return tx.query(
      `UPDATE leases SET presumed = true, presumed_since = $3
        WHERE window_id = ANY($1::bigint[]) AND gateway <> ALL($2::text[]) AND NOT presumed AND outstanding_nano > 0
       RETURNING gateway, window_id, outstanding_nano AS nano`,
      [windowIds, alive, now],
    );
  }

  async presumedOf(sql: Sql, gateways: readonly string[]): Promise<bigint[]> {
    const rows = await sql.query<{ window_id: bigint }>(
      'SELECT DISTINCT window_id FROM leases WHERE presumed AND gateway = ANY($1::text[])',
      [gateways],
    );
    return rows.map((row) => row.window_id);
  }

  /** They are back: what they hold is simply held again. The windows' rows must be locked. */
  async areBack(tx: Sql, windowIds: readonly bigint[], gateways: readonly string[]): Promise<void> {
    await tx.query(
      'UPDATE leases SET presumed = false, presumed_since = NULL WHERE window_id = ANY($1::bigint[]) AND presumed AND gateway = ANY($2::text[])',
      [windowIds, gateways],
    );
  }
}
