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

/** For the first of what is taken at once; more are taken while they are within it. */
const MOST_BYTES_AT_ONCE = 8 * 1024 * 1024;

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

/**
 * For a statement that changes many rows: what it tells of them becomes one row of the outbox, with one fact a line, since
 * a row costs as much as many a change that it tells of. Each fact says its id and subject itself, and must be new: no
 * other row is looked for that may hold it already. `from`: rows with an `event`, null where there is none to tell.
 */
export const tellTogether = (from: string, order: string): string => `
  INSERT INTO outbox (event_id, subject, event)
  SELECT gen_random_uuid()::text, '', string_agg(event, E'\\n' ORDER BY ${order}) FROM ${from} HAVING count(event) > 0`;

/** The facts of a row, in order. */
export function factsOf({ event_id: eventId, subject, event }: Omit<OutboxRow, 'seq'>): OutboxEntry[] {
  if (subject !== '') return [{ eventId, subject, event }];
  return event.split('\n').map((line) => {
    const { id, subject: ofLine } = JSON.parse(line) as { id: string; subject: string };
    return { eventId: id, subject: ofLine, event: line };
  });
}

/** Cheap, and without the relay's lock: what is being sent at this moment still counts. */
export async function outboxIsEmpty(sql: Sql): Promise<boolean> {
  const [row] = await sql.query<{ empty: boolean }>('SELECT NOT EXISTS (SELECT 1 FROM outbox) AS empty');
  return row?.empty === true;
}

/**
 * The next rows in order, for the one relay that holds the lock; the caller publishes them before its transaction ends.
 * `more`: there may be others after them.
 */
export async function takeFromOutbox(
  tx: Sql,
  limit: number,
  mostBytes = MOST_BYTES_AT_ONCE,
): Promise<{ rows: OutboxRow[]; more: boolean }> {
  const held = await tx.query(`SELECT name FROM locks WHERE name = 'outbox' FOR UPDATE SKIP LOCKED`, [], 'outbox lock');
  if (held.length === 0) return { rows: [], more: false };
  const rows = await tx.query<OutboxRow & { found: number }>(
    `SELECT seq, event_id, subject, event, found FROM (
       SELECT *, sum(octet_length(event)) OVER (ORDER BY seq) - octet_length(event) AS before,
         (count(*) OVER ())::integer AS found
       FROM (SELECT seq, event_id, subject, event FROM outbox ORDER BY seq LIMIT $1) AS first
     ) AS counted WHERE before < $2 ORDER BY seq`,
    [limit, mostBytes],
    'outbox take',
  );
  const found = rows[0]?.found ?? 0;
  return { rows, more: found === limit || rows.length < found };
}

export async function deleteFromOutbox(tx: Sql, rows: OutboxRow[]): Promise<void> {
  await tx.query(
    'DELETE FROM outbox WHERE seq = ANY($1::bigint[])',
    [rows.map((row) => row.seq.toString())],
    'outbox delete',
  );
}
