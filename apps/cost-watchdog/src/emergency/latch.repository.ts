import { Injectable } from '@nestjs/common';
import type { Acknowledgement, EmergencyReport, Latch } from '@purser/contracts';
import type { Sql } from '@purser/database';

export interface Decision {
  by: string;
  reason: string;
}

export interface LatchRow {
  serial: number;
  active: boolean;
  by: string;
  reason: string;
  at: Date;
  announced: boolean;
}

export type Evidence = NonNullable<EmergencyReport['evidence']>;

export interface LatchChange {
  changed: boolean;
  state: Latch;
}

const stateOf = ({ serial, active, by, reason, at }: LatchRow): Latch => ({
  serial,
  active,
  by,
  reason,
  at: at.toISOString(),
});

export const latchOf = (row: LatchRow): Latch & { announced: boolean } => ({
  ...stateOf(row),
  announced: row.announced,
});

@Injectable()
export class LatchRepository {
  async read(sql: Sql): Promise<Latch & { announced: boolean }> {
    const [row] = await sql.query<LatchRow>('SELECT * FROM latch');
    if (!row) throw new Error('the row of the latch is missing');
    return latchOf(row);
  }

  /** A new emergency, unless there is one. */
  async set(tx: Sql, { by, reason }: Decision, now: Date): Promise<LatchChange> {
    const [row] = await tx.query<LatchRow>(
      `UPDATE latch SET serial = serial + 1, active = true, by = $1, reason = $2, at = $3, announced = false
        WHERE NOT active RETURNING *`,
      [by, reason, now],
    );
    return row ? { changed: true, state: stateOf(row) } : { changed: false, state: await this.present(tx) };
  }

  async clear(tx: Sql, { by, reason }: Decision, now: Date): Promise<LatchChange> {
    const [row] = await tx.query<LatchRow>(
      `UPDATE latch SET active = false, by = $1, reason = $2, at = $3, announced = false WHERE active RETURNING *`,
      [by, reason, now],
    );
    return row ? { changed: true, state: stateOf(row) } : { changed: false, state: await this.present(tx) };
  }

  private async present(sql: Sql): Promise<Latch> {
    const { announced: _, ...state } = await this.read(sql);
    return state;
  }

  /** Takes over what another store knows, if it is newer. */
  async adopt(sql: Sql, { serial, active, by, reason, at }: Latch): Promise<void> {
    await sql.query(
      `UPDATE latch SET serial = $1, active = $2, by = $3, reason = $4, at = $5, announced = false
        WHERE serial < $1 OR (serial = $1 AND active AND NOT $2)`,
      [serial, active, by, reason, at],
    );
  }

  async markAnnounced(sql: Sql, { serial, active }: Latch): Promise<void> {
    await sql.query('UPDATE latch SET announced = true WHERE serial = $1 AND active = $2', [serial, active]);
  }

  async keepEvidence(tx: Sql, serial: number, { title, details }: Evidence): Promise<void> {
    await tx.query(
      'INSERT INTO emergency_evidence (serial, title, details) VALUES ($1, $2, $3::jsonb) ON CONFLICT DO NOTHING',
      [serial, title, JSON.stringify(details)],
    );
  }

  async acknowledge(sql: Sql, acknowledgements: readonly Acknowledgement[]): Promise<void> {
    await sql.query(
      `INSERT INTO acknowledgements (serial, service, instance, at, stopped)
       SELECT serial, service, instance, at, stopped
         FROM jsonb_to_recordset($1::jsonb) AS x(serial integer, service text, instance text, at timestamptz, stopped jsonb)
       ON CONFLICT DO NOTHING`,
      [JSON.stringify(acknowledgements)],
    );
  }

  async acknowledgements(sql: Sql, serial: number): Promise<Acknowledgement[]> {
    const rows = await sql.query<Omit<Acknowledgement, 'at'> & { at: Date }>(
      'SELECT serial, service, instance, at, stopped FROM acknowledgements WHERE serial = $1 ORDER BY at, service, instance',
      [serial],
    );
    return rows.map((row) => ({ ...row, at: row.at.toISOString() }));
  }
}
