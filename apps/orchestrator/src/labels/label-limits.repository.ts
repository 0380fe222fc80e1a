import { Injectable } from '@nestjs/common';
import type { LabelLimit, LabelStatus } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';

export interface FollowedLabel {
  label: string;
  concurrency: number | null;
  per_minute: number | null;
  file_says: LabelLimit | null;
}

/** A lane in which tasks wait for one executor, with the place of the first of them. */
export interface Front {
  lane: string;
  executor: string;
}

const WINDOW = `interval '60 seconds'`;
const LIMITED = '(concurrency IS NOT NULL OR per_minute IS NOT NULL)';
/** Running tasks are few, and have an index. */
const RUNNING = `(SELECT count(*)::integer FROM tasks WHERE state = 'running' AND labels @> ARRAY[l.label])`;
const STARTED = `(SELECT count(*)::integer FROM unnest(l.starts) AS at WHERE at > clock_timestamp() - ${WINDOW})`;
/** More lanes than combinations of limited labels that anyone would use; beyond it the later ones wait for the next claim. */
const MOST_FRONTS = 200;

@Injectable()
export class LabelLimitsRepository {
  constructor(private readonly database: Database) {}

  /** Of these labels, or of all, with what they take now; those without limits are left out. */
  status(labels?: string[], sql: Sql = this.database): Promise<LabelStatus[]> {
    return sql.query(
      `SELECT label, concurrency, per_minute AS "perMinute", ${RUNNING} AS running, ${STARTED} AS "startedLastMinute",
         (SELECT count(*)::integer FROM (
            SELECT FROM tasks WHERE state = 'ready' AND lane > '=' AND lane < '@' AND labels @> ARRAY[l.label] LIMIT 1000
          ) AS held) AS waiting
       FROM label_limits l WHERE ${LIMITED} AND ($1::text[] IS NULL OR label = ANY($1)) ORDER BY label`,
      [labels ?? null],
    );
  }

  /** Everything that is remembered, locked against other changes. */
  async followed(tx: Sql): Promise<FollowedLabel[]> {
    await tx.query('LOCK TABLE label_limits IN SHARE ROW EXCLUSIVE MODE');
    return tx.query('SELECT label, concurrency, per_minute, file_says FROM label_limits');
  }

  async set(sql: Sql, label: string, limit: Partial<LabelLimit>): Promise<void> {
    await sql.query(
      `INSERT INTO label_limits (label, concurrency, per_minute) VALUES ($1, $2, $3)
       ON CONFLICT (label) DO UPDATE SET concurrency = excluded.concurrency, per_minute = excluded.per_minute`,
      [label, limit.concurrency ?? null, limit.perMinute ?? null],
    );
  }

  async setFileSays(tx: Sql, label: string, says: LabelLimit | null): Promise<void> {
    await tx.query('UPDATE label_limits SET file_says = $2::jsonb WHERE label = $1', [
      label,
      says && JSON.stringify(says),
    ]);
  }

  /** False when there were none. */
  async takeOff(sql: Sql, label: string): Promise<boolean> {
    const rows = await sql.query(
      `UPDATE label_limits SET concurrency = NULL, per_minute = NULL WHERE label = $1 AND ${LIMITED} RETURNING 1`,
      [label],
    );
    return rows.length === 1;
  }

  /** The lanes of limited labels that hold anything for these executors, the one whose turn it is first. */
  fronts(tx: Sql, executors: string[]): Promise<Front[]> {
    return tx.query(
      `WITH RECURSIVE lanes AS (
         (SELECT lane, executor FROM tasks WHERE state = 'ready' AND lane > '=' AND lane < '@'
          ORDER BY lane, executor LIMIT 1)
         UNION ALL
         SELECT following.* FROM lanes l CROSS JOIN LATERAL (
           SELECT lane, executor FROM tasks WHERE state = 'ready' AND (lane, executor) > (l.lane, l.executor) AND lane < '@'
           ORDER BY lane, executor LIMIT 1) AS following
       )
       SELECT l.lane, l.executor FROM lanes l CROSS JOIN LATERAL (
         SELECT place, seq FROM tasks t WHERE state = 'ready' AND t.lane = l.lane AND t.executor = l.executor
         ORDER BY place, seq LIMIT 1) AS first
       WHERE l.executor = ANY($1::text[]) ORDER BY first.place, first.seq LIMIT ${MOST_FRONTS}`,
      [executors],
      'labels fronts',
    );
  }

  /** Locked until the claim's transaction is over: how many more sessions with each label may begin. */
  async room(tx: Sql, labels: string[]): Promise<Map<string, number>> {
    // In order, so that two claims do not wait for each other; counted after the locks, so that what was begun before is seen.
    await tx.query(
      'SELECT 1 FROM label_limits WHERE label = ANY($1::text[]) ORDER BY label FOR UPDATE',
      [labels],
      'labels lock',
    );
    const rows = await tx.query<{ label: string; room: number }>(
      `SELECT label, greatest(0, least(concurrency - ${RUNNING}, per_minute - ${STARTED})) AS room
       FROM label_limits l WHERE ${LIMITED} AND label = ANY($1::text[])`,
      [labels],
      'labels room',
    );
    return new Map(rows.map(({ label, room }) => [label, room]));
  }

  /** Counts beginnings of sessions against the minute; `labels` once for each. */
  async began(tx: Sql, labels: string[]): Promise<void> {
    await tx.query(
      `UPDATE label_limits l SET starts =
         ARRAY(SELECT at FROM unnest(l.starts) AS at WHERE at > clock_timestamp() - ${WINDOW})
           || array_fill(clock_timestamp(), ARRAY[begun.times])
       FROM (SELECT label, count(*)::integer AS times FROM unnest($1::text[]) AS given (label) GROUP BY label) AS begun
       WHERE l.label = begun.label AND per_minute IS NOT NULL`,
      [labels],
      'labels began',
    );
  }
}
