import { Injectable } from '@nestjs/common';
import type { Sql } from '@purser/database';
import type { VmRow } from '../vms/vm-row.js';
import type { StrayRow } from './stray-row.js';

export type NewStray = Omit<StrayRow, 'gone_at' | 'cost_nano' | 'reaped_at'>;
export type Claim = Pick<VmRow, 'id' | 'name' | 'provider' | 'place' | 'zone'>;

@Injectable()
export class StraysRepository {
  /** The rows that may claim something at a platform. */
  claims(sql: Sql): Promise<Claim[]> {
    return sql.query<Claim>(`SELECT id, name, provider, place, zone FROM vms WHERE state <> 'gone'`);
  }

  /** Up to when a VM of this name in this zone was billed while its row still claimed it. */
  async billedUntil(sql: Sql, name: string, zone: string): Promise<Date | null> {
    const [row] = await sql.query<{ billed_until: Date | null }>(
      'SELECT billed_until FROM vms WHERE name = $1 AND zone = $2',
      [name, zone],
    );
    return row?.billed_until ?? null;
  }

  /** Undefined when it is known already. One that was taken for gone and is there after all is there again. */
  async add(sql: Sql, stray: NewStray): Promise<StrayRow | undefined> {
    const [row] = await sql.query<StrayRow>(
      `INSERT INTO strays AS s (id, provider, kind, name, zone, machine_type, spot, disk_gb, running, created_at,
         first_seen_at, reason, billed_until, place, seen_at, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
       ON CONFLICT (id) DO UPDATE SET gone_at = NULL, reaped_at = NULL, seen_at = excluded.seen_at
         WHERE s.gone_at IS NOT NULL
       RETURNING *`,
      [
        stray.id,
        stray.provider,
        stray.kind,
        stray.name,
        stray.zone,
        stray.machine_type,
        stray.spot,
        stray.disk_gb,
        stray.running,
        stray.created_at,
        stray.first_seen_at,
        stray.reason,
        stray.billed_until,
        stray.place,
        stray.seen_at,
        stray.expires_at,
      ],
    );
    return row;
  }

  open(sql: Sql): Promise<StrayRow[]> {
    return sql.query<StrayRow>('SELECT * FROM strays WHERE gone_at IS NULL ORDER BY first_seen_at, id');
  }

  async reap(sql: Sql, id: string, reason: string, now: Date): Promise<StrayRow | undefined> {
    const [row] = await sql.query<StrayRow>(
      'UPDATE strays SET reaped_at = coalesce(reaped_at, $3), reason = $2 WHERE id = $1 AND gone_at IS NULL RETURNING *',
      [id, reason, now],
    );
    return row;
  }

  /** Its platform has it. */
  async saw(sql: Sql, id: string, running: boolean, at: Date): Promise<void> {
    await sql.query('UPDATE strays SET running = $2, seen_at = greatest(seen_at, $3) WHERE id = $1', [id, running, at]);
  }

  async isGone(sql: Sql, id: string, now: Date): Promise<StrayRow | undefined> {
    const [row] = await sql.query<StrayRow>(
      'UPDATE strays SET gone_at = $2 WHERE id = $1 AND gone_at IS NULL RETURNING *',
      [id, now],
    );
    return row;
  }
}
