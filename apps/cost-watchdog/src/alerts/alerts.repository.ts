import { Injectable } from '@nestjs/common';
import type { alertsList, RequestOf } from '@purser/contracts';
import type { Sql } from '@purser/database';
import type { Identity, NewAlert } from './alert-identity.js';
import type { AlertRow } from './alert-row.js';

export interface Opened {
  id: bigint;
  fresh: boolean;
  silenced: boolean;
  last_fired_at: Date | null;
}

/** Which of the open alerts about something are over. */
export interface Over {
  topics: readonly string[];
  /** Given with a rank: not those of this period up to that rank. */
  period?: string;
  rank?: number;
}

@Injectable()
export class AlertsRepository {
  /** One that is open already counts once more. Its row stays locked: of several that raise it, one decides at a time. */
  async open(tx: Sql, identity: Identity, alert: NewAlert & { lasts: boolean }, now: Date): Promise<Opened> {
    const { fingerprint, topic, period, rank } = identity;
    const [row] = await tx.query<Opened>(
      `INSERT INTO alerts (fingerprint, topic, period, rank, severity, kind, title, details, lasts, silenced,
                           fired_at, last_fired_at, last_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,
               EXISTS (SELECT 1 FROM alerts a WHERE a.topic = $2 AND a.period = $3 AND a.state = 'firing' AND a.rank > $4),
               $10, $10, $10)
       ON CONFLICT (fingerprint) WHERE state = 'firing' DO UPDATE SET count = alerts.count + 1, last_at = $10
       RETURNING id, xmax = 0 AS fresh, silenced,
                 CASE WHEN xmax <> 0 THEN last_fired_at
                      ELSE (SELECT max(a.last_fired_at) FROM alerts a WHERE a.fingerprint = $1) END AS last_fired_at`,
      [
        fingerprint,
        topic,
        period,
        rank,
        alert.severity,
        alert.kind,
        alert.title,
        JSON.stringify(alert.details),
        alert.lasts,
        now,
      ],
    );
    if (!row) throw new Error(`alert ${fingerprint} was not stored`);
    return row;
  }

  async fireAgain(tx: Sql, id: bigint, { title, details }: NewAlert, now: Date): Promise<void> {
    await tx.query('UPDATE alerts SET last_fired_at = $2, title = $3, details = $4 WHERE id = $1', [
      id,
      now,
      title,
      JSON.stringify(details),
    ]);
  }

  /** Lower levels in the same period, of which nobody needs to be told any more. */
  async silenceBelow(tx: Sql, { topic, period, rank }: Identity): Promise<bigint[]> {
    const rows = await tx.query<{ id: bigint }>(
      `UPDATE alerts SET silenced = true
        WHERE topic = $1 AND period = $2 AND state = 'firing' AND rank < $3 AND NOT silenced RETURNING id`,
      [topic, period, rank],
    );
    return rows.map((row) => row.id);
  }

  /** The highest level that is left speaks for itself again. */
  async unsilence(tx: Sql, { topic, period, rank }: Identity): Promise<void> {
    await tx.query(
      `UPDATE alerts SET silenced = false WHERE topic = $1 AND period = $2 AND state = 'firing' AND rank = $3 AND silenced`,
      [topic, period, rank],
    );
  }

  resolve(tx: Sql, { topics, period, rank }: Over, why: string, now: Date): Promise<AlertRow[]> {
    return tx.query<AlertRow>(
      `UPDATE alerts SET state = 'resolved', resolved_at = $2, resolution = $3
        WHERE state = 'firing' AND topic = ANY($1::text[])
          AND ($4::text IS NULL OR period <> $4 OR rank > $5)
       RETURNING *`,
      [topics, now, why, period ?? null, rank ?? null],
    );
  }

  /** What merely happened, and not again since then. */
  async expire(sql: Sql, before: Date, now: Date): Promise<void> {
    await sql.query(
      `UPDATE alerts SET state = 'resolved', resolved_at = $2, resolution = 'it did not happen again'
        WHERE state = 'firing' AND NOT lasts AND last_at <= $1`,
      [before, now],
    );
  }

  /** Topics of open alerts about budgets that were removed. */
  async orphans(sql: Sql): Promise<string[]> {
    const rows = await sql.query<{ topic: string }>(
      `SELECT DISTINCT a.topic FROM alerts a
        WHERE a.state = 'firing' AND a.topic LIKE 'budget/%'
          AND NOT EXISTS (SELECT 1 FROM budgets b WHERE b.id = substr(a.topic, 8) AND b.deleted_at IS NULL)`,
    );
    return rows.map(({ topic }) => topic);
  }

  /** One more than asked for, so that the caller knows whether there is more. */
  list(sql: Sql, filter: RequestOf<typeof alertsList>): Promise<AlertRow[]> {
    const parameters: unknown[] = [filter.limit + 1];
    const conditions = ['true'];
    const add = (condition: string, value: unknown) => {
      if (value === undefined) return;
      parameters.push(value);
      conditions.push(`${condition} $${parameters.length}`);
    };
    add('state =', filter.state);
    add('severity =', filter.severity);
    add('kind =', filter.kind);
    add('last_at >=', filter.since);
    add('id <', filter.before);
    return sql.query<AlertRow>(
      `SELECT * FROM alerts WHERE ${conditions.join(' AND ')} ORDER BY id DESC LIMIT $1`,
      parameters,
    );
  }

  async firingBySeverity(sql: Sql): Promise<{ severity: AlertRow['severity']; n: bigint }[]> {
    return sql.query(`SELECT severity, count(*) AS n FROM alerts WHERE state = 'firing' GROUP BY severity`);
  }
}
