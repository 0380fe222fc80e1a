import { Injectable } from '@nestjs/common';
import type { LeaseRelease, PresumedLease } from '@purser/contracts';
import type { Sql } from '@purser/database';
import { formatUsd, type Nano } from '@purser/money';

export interface PresumedRow {
  gateway: string;
  window_id: bigint;
  budget_id: string;
  amount_nano: Nano;
  lost_since: Date;
}

export interface ReleaseRow extends PresumedRow {
  by: string;
  reason: string;
  at: Date;
}

export interface Release {
  gateway: string;
  by: string;
  reason: string;
}

/** What is left of them is of no use: their windows grant nothing more. */
const NOT_OVER = `b.deleted_at IS NULL AND b.shape = w.shape AND (w.ends_at IS NULL OR w.ends_at > $1)`;

/** What lost gateways hold, and what people released of it. */
@Injectable()
export class ReleasesRepository {
  presumed(sql: Sql, now: Date, gateway?: string): Promise<PresumedRow[]> {
    return sql.query<PresumedRow>(
      `SELECT l.gateway, l.window_id, w.budget_id, l.outstanding_nano AS amount_nano, l.presumed_since AS lost_since
         FROM leases l JOIN windows w ON w.id = l.window_id JOIN budgets b ON b.id = w.budget_id
        WHERE l.presumed AND l.outstanding_nano > 0 AND ($2::text IS NULL OR l.gateway = $2) AND ${NOT_OVER}
        ORDER BY l.presumed_since, l.gateway, w.budget_id`,
      [now, gateway ?? null],
    );
  }

  history(sql: Sql, limit: number): Promise<ReleaseRow[]> {
    return sql.query<ReleaseRow>(
      `SELECT r.*, w.budget_id FROM lease_releases r JOIN windows w ON w.id = r.window_id ORDER BY r.seq DESC LIMIT $1`,
      [limit],
    );
  }

  /** Whether it ever had a lease; and whether it holds something that is not presumed spent, or only since `lostBefore`. */
  async standing(sql: Sql, gateway: string, lostBefore: Date): Promise<{ known: boolean; holds: boolean }> {
    const [row] = await sql.query<{ known: boolean; holds: boolean }>(
      `SELECT count(*) > 0 AS known, coalesce(bool_or(outstanding_nano > 0 AND NOT (presumed AND presumed_since <= $2)), false) AS holds
         FROM leases WHERE gateway = $1`,
      [gateway, lostBefore],
    );
    return row ?? { known: false, holds: false };
  }

  /** The windows' rows must be locked. What is no longer presumed by now stays as it is. */
  release(tx: Sql, { gateway, by, reason }: Release, windowIds: readonly bigint[], now: Date): Promise<ReleaseRow[]> {
    return tx.query<ReleaseRow>(
      `WITH written AS (
         INSERT INTO lease_releases (gateway, window_id, amount_nano, lost_since, by, reason, at)
         SELECT gateway, window_id, outstanding_nano, presumed_since, $3, $4, $5 FROM leases
          WHERE gateway = $1 AND window_id = ANY($2::bigint[]) AND presumed AND outstanding_nano > 0 ORDER BY window_id
         RETURNING *
       ), freed AS (
         UPDATE windows w SET leased_nano = w.leased_nano - n.amount_nano, touched_at = $5
           FROM written n WHERE w.id = n.window_id
       ), fenced AS (
         UPDATE leases l SET released_nano = l.released_nano + n.amount_nano, release_seq = n.seq, presumed = false,
                presumed_since = NULL
           FROM written n WHERE l.gateway = n.gateway AND l.window_id = n.window_id
       )
       SELECT n.*, w.budget_id FROM written n JOIN windows w ON w.id = n.window_id ORDER BY n.seq`,
      [gateway, windowIds, by, reason, now],
    );
  }
}

export const presumedOf = (row: PresumedRow): PresumedLease => ({
  gateway: row.gateway,
  windowId: row.window_id.toString(),
  budgetId: row.budget_id,
  amountUsd: formatUsd(row.amount_nano),
  lostSince: row.lost_since.toISOString(),
});

export const releaseOf = (row: ReleaseRow): LeaseRelease => ({
  ...presumedOf(row),
  by: row.by,
  reason: row.reason,
  at: row.at.toISOString(),
});
