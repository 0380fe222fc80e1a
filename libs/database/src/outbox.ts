import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { Sql } from './database.js';

export interface OutboxRow {
  seq: bigint;
  event_id: string;
  subject: string;
  event: string;
}

/** A fact as it is to be published. */
export interface OutboxEntry {
  eventId: string;
  subject: string;
  event: string;
}

/** Facts that are to be published because a transaction committed: written in it, sent after it. */
export class CreateOutbox1700000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE outbox (
        seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        event_id   text NOT NULL UNIQUE,
        subject    text NOT NULL,
        event      text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE outbox');
  }
}

export async function appendToOutbox(tx: Sql, rows: OutboxEntry[]): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(
    `INSERT INTO outbox (event_id, subject, event)
     SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
     ON CONFLICT (event_id) DO NOTHING`,
    [rows.map((row) => row.eventId), rows.map((row) => row.subject), rows.map((row) => row.event)],
    'outbox add',
  );
}

/** Cheap, and without the relay's lock: what is being sent at this moment still counts. */
export async function outboxIsEmpty(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ empty: boolean }>('SELECT NOT EXISTS (SELECT 1 FROM outbox) AS empty');
  return row?.empty === true;
}

/** The next rows in order, for the one relay that holds the lock; the caller publishes them before its transaction ends. */
export async function takeFromOutbox(tx: Sql, limit: number): Promise<OutboxRow[]> {
  const held = await tx.query(`SELECT name FROM locks WHERE name = 'outbox' FOR UPDATE SKIP LOCKED`, [], 'outbox lock');
  if (held.length === 0) return [];
  return tx.query<OutboxRow>(
    'SELECT seq, event_id, subject, event FROM outbox ORDER BY seq LIMIT $1',
    [limit],
    'outbox take',
  );
}

export async function deleteFromOutbox(tx: Sql, rows: OutboxRow[]): Promise<void> {
  await tx.query(
    'DELETE FROM outbox WHERE seq = ANY($1::bigint[])',
    [rows.map((row) => row.seq.toString())],
    'outbox delete',
  );
}
