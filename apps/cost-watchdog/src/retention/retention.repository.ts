import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { CHANNEL_FORGOTTEN_MS } from '../alerts/tellings.repository.js';

export interface OldAlerts {
  now: Date;
  /** What was over by then goes. */
  before: Date;
  /** An alert that fired later than this still holds its next firing back. */
  cooledBy: Date;
}

/** Several watchdogs may do all of this at once: they pass over what another one has locked. */
@Injectable()
export class RetentionRepository {
  constructor(private readonly database: Database) {}

  /**
   * Alerts that are over, with whom they were told by; not one that a channel has yet to tell. An alert that is over is
   * asked for by nobody but people, and by its own next firing for the time of the last one.
   */
  async forgetAlerts({ now, before, cooledBy }: OldAlerts, limit: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      const rows = await tx.query<{ id: bigint }>(
        `SELECT a.id FROM alerts a
          WHERE a.state = 'resolved' AND a.resolved_at < $1 AND a.last_fired_at < $2
            AND NOT EXISTS (
              SELECT FROM tellings t LEFT JOIN deliveries d ON d.id = t.delivery_id
               WHERE t.alert_id = a.id
                 AND (d.state = 'pending' OR (t.delivery_id IS NULL
                      AND EXISTS (SELECT FROM channels c WHERE c.name = t.channel AND c.seen_at > $3))))
          ORDER BY a.resolved_at LIMIT $4 FOR UPDATE SKIP LOCKED`,
        [before, cooledBy, new Date(now.getTime() - CHANNEL_FORGOTTEN_MS), limit],
      );
      const ids = rows.map(({ id }) => id);
      if (ids.length === 0) return 0;
      await tx.query('DELETE FROM tellings WHERE alert_id = ANY($1::bigint[])', [ids]);
      await tx.query('DELETE FROM alerts WHERE id = ANY($1::bigint[])', [ids]);
      return ids.length;
    });
  }

  /**
   * Notices that were sent or given up, once no alert needs them. One that goes on for long was told again and again: the
   * last time by each channel is what its end goes by.
   */
  async forgetDeliveries(before: Date, limit: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      await tx.query(
        `DELETE FROM tellings WHERE id IN (
           SELECT t.id FROM deliveries d JOIN tellings t ON t.delivery_id = d.id
            WHERE d.ended_at < $1 AND EXISTS (
                    SELECT FROM tellings later WHERE later.alert_id = t.alert_id AND later.channel = t.channel
                       AND later.state = t.state AND later.delivery_id > t.delivery_id)
            LIMIT $2 FOR UPDATE OF t SKIP LOCKED)`,
        [before, limit],
      );
      const rows = await tx.query(
        `DELETE FROM deliveries WHERE id IN (
           SELECT d.id FROM deliveries d
            WHERE d.ended_at < $1 AND NOT EXISTS (SELECT FROM tellings t WHERE t.delivery_id = d.id)
            ORDER BY d.ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING id`,
        [before, limit],
      );
      return rows.length;
    });
  }

  /** Never that of the last emergency: it may go on. What is kept beside a report goes with it. */
  async forgetReports(before: Date, limit: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      const rows = await tx.query<{ serial: number }>(
        `DELETE FROM emergency_reports WHERE id IN (
           SELECT id FROM emergency_reports WHERE at < $1 AND serial <> (SELECT serial FROM latch)
            ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING serial`,
        [before, limit],
      );
      const serials = rows.map(({ serial }) => serial);
      for (const table of ['emergency_evidence', 'acknowledgements'])
        await tx.query(
          `DELETE FROM ${table} t WHERE serial = ANY($1::integer[])
              AND NOT EXISTS (SELECT FROM emergency_reports r WHERE r.serial = t.serial)`,
          [serials],
        );
      return rows.length;
    });
  }

  /** Of these reports, those that are kept. */
  async keptReports(ids: readonly string[]): Promise<Set<string>> {
    const rows = await this.database.query<{ id: string }>('SELECT id FROM emergency_reports WHERE id = ANY($1)', [
      ids,
    ]);
    return new Set(rows.map(({ id }) => id));
  }
}
