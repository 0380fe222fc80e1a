import { Injectable } from '@nestjs/common';
import { type Sql, storable } from '@purser/database';
import { CHANNEL_FORGOTTEN_MS } from './tellings.repository.js';

/** Not shown any more: the watchdogs that run do not have it. */
const CHANNEL_GONE_MS = 5 * 60_000;

/** What a watchdog says of a channel that it has. */
export interface ChannelOffer {
  name: string;
  use: string;
  single: boolean;
  reports: boolean;
  quiet: boolean;
  leastSeverity: number;
  /** Why it cannot be used. */
  unusable: string | null;
}

export interface ChannelRow {
  name: string;
  use: string;
  single: boolean;
  least_severity: number;
  failures: number;
  last_error: string | null;
  last_sent_at: Date | null;
  dead_since: Date | null;
  unusable: string | null;
  pending: bigint;
  given_up: bigint;
}

const goneSince = (now: Date): Date => new Date(now.getTime() - CHANNEL_GONE_MS);

@Injectable()
export class ChannelsRepository {
  async offer(sql: Sql, channels: readonly ChannelOffer[], now: Date): Promise<void> {
    for (const { name, use, single, reports, quiet, leastSeverity, unusable } of channels)
      await sql.query(
        `INSERT INTO channels (name, use, single, reports, quiet, least_severity, seen_at, unusable)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (name) DO UPDATE SET use = $2, single = $3, reports = $4, quiet = $5, least_severity = $6,
           seen_at = $7, unusable = $8`,
        [name, use, single, reports, quiet, leastSeverity, now, unusable],
      );
  }

  /** So that of several watchdogs one bundles what this channel is to tell; false while another does. */
  async lock(tx: Sql, name: string): Promise<boolean> {
    const rows = await tx.query('SELECT name FROM channels WHERE name = $1 FOR NO KEY UPDATE SKIP LOCKED', [name]);
    return rows.length > 0;
  }

  async forReports(tx: Sql, now: Date): Promise<string[]> {
    const rows = await tx.query<{ name: string }>(
      'SELECT name FROM channels WHERE seen_at > $1 AND unusable IS NULL AND reports ORDER BY name',
      [new Date(now.getTime() - CHANNEL_FORGOTTEN_MS)],
    );
    return rows.map(({ name }) => name);
  }

  /** True when it was dead. */
  async succeeded(tx: Sql, name: string, now: Date): Promise<boolean> {
    const [row] = await tx.query<{ was_dead: boolean }>(
      `WITH before AS (SELECT name, dead_since FROM channels WHERE name = $1 FOR NO KEY UPDATE)
       UPDATE channels c SET failures = 0, last_error = NULL, last_sent_at = $2, dead_since = NULL
         FROM before WHERE c.name = before.name RETURNING before.dead_since IS NOT NULL AS was_dead`,
      [name, now],
    );
    return row?.was_dead === true;
  }

  /** True when this failure is the one that makes it dead. */
  async failed(tx: Sql, name: string, error: string, deadAfter: number, now: Date): Promise<boolean> {
    const [row] = await tx.query<{ died: boolean }>(
      `WITH before AS (SELECT name, dead_since FROM channels WHERE name = $1 FOR NO KEY UPDATE)
       UPDATE channels c SET failures = c.failures + 1, last_error = $2,
              dead_since = CASE WHEN c.failures + 1 >= $3 THEN coalesce(c.dead_since, $4::timestamptz) END
         FROM before WHERE c.name = before.name
       RETURNING before.dead_since IS NULL AND c.dead_since IS NOT NULL AS died`,
      [name, storable(error), deadAfter, now],
    );
    return row?.died === true;
  }

  /** Those that some watchdog has and that reach nobody; asked for with every look at this service's health. */
  async dead(sql: Sql, now: Date): Promise<string[]> {
    const rows = await sql.query<{ name: string }>(
      `SELECT name FROM channels WHERE seen_at > $1 AND (dead_since IS NOT NULL OR unusable IS NOT NULL) ORDER BY name`,
      [goneSince(now)],
    );
    return rows.map(({ name }) => name);
  }

  /** Those that some watchdog has, with what waits for them. */
  list(sql: Sql, now: Date): Promise<ChannelRow[]> {
    return sql.query<ChannelRow>(
      `SELECT c.*, count(d.id) FILTER (WHERE d.state = 'pending') AS pending,
              count(d.id) FILTER (WHERE d.state = 'given_up') AS given_up
         FROM channels c LEFT JOIN deliveries d ON d.channel = c.name AND d.state <> 'sent'
        WHERE c.seen_at > $1 GROUP BY c.name ORDER BY c.name`,
      [goneSince(now)],
    );
  }
}
