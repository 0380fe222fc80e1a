import { Injectable } from '@nestjs/common';
import { type Sql, storable } from '@purser/database';
import type { StoredNotice } from './notices.js';

export interface Claimed {
  id: bigint;
  channel: string;
  attempts: number;
  notice: StoredNotice;
}

/** Notices on their way: one row for each channel, made by one watchdog, and sent by one at a time. */
@Injectable()
export class DeliveriesRepository {
  async add(tx: Sql, channel: string, notice: StoredNotice, now: Date): Promise<bigint> {
    const [row] = await tx.query<{ id: bigint }>(
      `INSERT INTO deliveries (channel, fingerprint, notice, next_at, created_at) VALUES ($1, $2, $3, $4, $4)
       RETURNING id`,
      [channel, notice.fingerprint, JSON.stringify(notice), now],
    );
    if (!row) throw new Error('a delivery was not stored');
    return row.id;
  }

  /** Notices that were made for it since then. */
  async countSince(tx: Sql, channel: string, since: Date): Promise<number> {
    const [row] = await tx.query<{ n: bigint }>(
      'SELECT count(*) AS n FROM deliveries WHERE channel = $1 AND created_at > $2',
      [channel, since],
    );
    return Number(row?.n ?? 0n);
  }

  /**
   * For as long as one attempt may take. What is about the same alert goes out in its order: an incident that is closed
   * before it is opened would stay open.
   */
  async claim(sql: Sql, channel: string, now: Date, lostAt: Date): Promise<Claimed | undefined> {
    const [row] = await sql.query<Claimed>(
      `UPDATE deliveries SET attempts = attempts + 1, next_at = $3
        WHERE id = (
          SELECT d.id FROM deliveries d
           WHERE d.channel = $1 AND d.state = 'pending' AND d.next_at <= $2
             AND NOT EXISTS (SELECT 1 FROM deliveries e WHERE e.channel = d.channel AND e.state = 'pending'
                                AND e.fingerprint = d.fingerprint AND e.id < d.id)
           ORDER BY d.next_at, d.id LIMIT 1 FOR UPDATE SKIP LOCKED)
       RETURNING id, channel, attempts, notice`,
      [channel, now, lostAt],
    );
    return row;
  }

  /** False when another watchdog took it over meanwhile. */
  sent(sql: Sql, { id, attempts }: Claimed, now: Date): Promise<boolean> {
    return changed(
      sql,
      `UPDATE deliveries SET state = 'sent', ended_at = $3, last_error = NULL
        WHERE id = $1 AND attempts = $2 AND state = 'pending' RETURNING id`,
      [id, attempts, now],
    );
  }

  tryAgain(sql: Sql, { id, attempts }: Claimed, error: string, nextAt: Date): Promise<boolean> {
    return changed(
      sql,
      `UPDATE deliveries SET next_at = $3, last_error = $4
        WHERE id = $1 AND attempts = $2 AND state = 'pending' RETURNING id`,
      [id, attempts, nextAt, storable(error)],
    );
  }

  giveUp(sql: Sql, { id, attempts }: Claimed, error: string, now: Date): Promise<boolean> {
    return changed(
      sql,
      `UPDATE deliveries SET state = 'given_up', ended_at = $3, last_error = $4
        WHERE id = $1 AND attempts = $2 AND state = 'pending' RETURNING id`,
      [id, attempts, now, storable(error)],
    );
  }

  /** Given back untried: this watchdog stops. */
  release(sql: Sql, { id, attempts }: Claimed, now: Date): Promise<boolean> {
    return changed(
      sql,
      `UPDATE deliveries SET next_at = $3, attempts = attempts - 1
        WHERE id = $1 AND attempts = $2 AND state = 'pending' RETURNING id`,
      [id, attempts, now],
    );
  }

  /** What waits for a channel that has not been there for a day. */
  async abandon(sql: Sql, notSeenSince: Date, now: Date): Promise<void> {
    await sql.query(
      `UPDATE deliveries d SET state = 'given_up', ended_at = $2, last_error = 'the channel is not configured any more'
        WHERE d.state = 'pending' AND NOT EXISTS (SELECT 1 FROM channels c WHERE c.name = d.channel AND c.seen_at > $1)`,
      [notSeenSince, now],
    );
  }

  /** When something is to be bundled or sent next; null when nothing waits. */
  async nextAt(sql: Sql, channels: readonly string[]): Promise<Date | null> {
    const [row] = await sql.query<{ at: Date | null }>(
      `SELECT least(
         (SELECT min(due_at) FROM tellings WHERE delivery_id IS NULL AND channel = ANY($1::text[])),
         (SELECT min(next_at) FROM deliveries WHERE state = 'pending' AND channel = ANY($1::text[]))) AS at`,
      [channels],
    );
    return row?.at ?? null;
  }
}

async function changed(sql: Sql, text: string, parameters: unknown[]): Promise<boolean> {
  return (await sql.query(text, parameters)).length > 0;
}
