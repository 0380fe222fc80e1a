import { Injectable } from '@nestjs/common';
import type { AlertState } from '@purser/contracts';
import type { Sql } from '@purser/database';
import type { AlertRow } from './alert-row.js';
import type { Due } from './telling.js';

/**
 * What no watchdog has spoken of for so long is no channel any more. Not sooner: a machine that slept for a weekend may
 * have something to tell before its watchdog has said again which channels it has.
 */
export const CHANNEL_FORGOTTEN_MS = 7 * 24 * 3_600_000;

export interface DueTimes {
  quiet: Due;
  always: Due;
}

export interface DueTelling extends Omit<AlertRow, 'id' | 'state'> {
  telling_id: bigint;
  telling: AlertState;
}

/** $2 to $5 of its statement. */
const DUE_AT = `CASE WHEN c.quiet THEN CASE WHEN c.single THEN $2::timestamptz ELSE $3::timestamptz END
                     ELSE CASE WHEN c.single THEN $4::timestamptz ELSE $5::timestamptz END END`;
const dueAt = ({ quiet, always }: DueTimes): Date[] => [quiet.single, quiet.grouped, always.single, always.grouped];

const seenSince = (now: Date): Date => new Date(now.getTime() - CHANNEL_FORGOTTEN_MS);

/** Which alerts are to be told by which channel, and when: in the transaction that opens or ends them. */
@Injectable()
export class TellingsRepository {
  /** By every channel but `except`, unless it waits to be told there already. */
  async addFiring(
    tx: Sql,
    alert: { id: bigint; severityRank: number },
    due: DueTimes,
    now: Date,
    except?: string,
  ): Promise<void> {
    await tx.query(
      `INSERT INTO tellings (alert_id, channel, state, due_at)
       SELECT $1::bigint, c.name, 'firing', ${DUE_AT} FROM channels c
        WHERE c.seen_at > $6 AND c.unusable IS NULL AND c.least_severity <= $7 AND c.name IS DISTINCT FROM $8::text
          AND NOT EXISTS (SELECT 1 FROM tellings t WHERE t.alert_id = $1::bigint AND t.channel = c.name
                             AND t.state = 'firing' AND t.delivery_id IS NULL)`,
      [alert.id, ...dueAt(due), seenSince(now), alert.severityRank, except ?? null],
    );
  }

  /** What nobody was told yet, and needs to be told no more. */
  async withdraw(tx: Sql, alertIds: readonly bigint[]): Promise<void> {
    if (alertIds.length === 0) return;
    await tx.query(
      `DELETE FROM tellings WHERE alert_id = ANY($1::bigint[]) AND state = 'firing' AND delivery_id IS NULL`,
      [alertIds],
    );
  }

  /**
   * Whoever was told that it fires is told that it is over. Where people read messages, not of lower levels, whose end the
   * highest one tells, and not of what was merely worth knowing.
   */
  async addResolved(tx: Sql, alertIds: readonly bigint[], due: DueTimes, now: Date): Promise<void> {
    if (alertIds.length === 0) return;
    await tx.query(
      `INSERT INTO tellings (alert_id, channel, state, due_at)
       SELECT a.id, c.name, 'resolved', ${DUE_AT}
         FROM alerts a CROSS JOIN channels c
        WHERE a.id = ANY($1::bigint[]) AND c.seen_at > $6 AND c.unusable IS NULL
          AND (c.single OR (NOT a.silenced AND a.severity <> 'info'))
          AND EXISTS (SELECT 1 FROM tellings t WHERE t.alert_id = a.id AND t.channel = c.name
                         AND t.state = 'firing' AND t.delivery_id IS NOT NULL)
        ORDER BY a.id`,
      [alertIds, ...dueAt(due), seenSince(now)],
    );
  }

  /** Of these channels, those with something to tell now. */
  async dueChannels(sql: Sql, channels: readonly string[], now: Date): Promise<string[]> {
    const rows = await sql.query<{ channel: string }>(
      `SELECT DISTINCT channel FROM tellings
        WHERE delivery_id IS NULL AND channel = ANY($1::text[]) AND due_at <= $2`,
      [channels, now],
    );
    return rows.map(({ channel }) => channel);
  }

  /** In the order in which it happened. */
  due(tx: Sql, channel: string, until: Date): Promise<DueTelling[]> {
    return tx.query<DueTelling>(
      `SELECT a.*, t.id AS telling_id, t.state AS telling FROM tellings t JOIN alerts a ON a.id = t.alert_id
        WHERE t.delivery_id IS NULL AND t.channel = $1 AND t.due_at <= $2 ORDER BY t.id LIMIT 2000`,
      [channel, until],
    );
  }

  async bundle(tx: Sql, tellingIds: readonly bigint[], deliveryId: bigint): Promise<void> {
    await tx.query('UPDATE tellings SET delivery_id = $2 WHERE id = ANY($1::bigint[])', [tellingIds, deliveryId]);
  }
}
