import { Injectable } from '@nestjs/common';
import type { GatewayKey } from '@purser/contracts';
import { Database } from '@purser/database';

interface KeyRow {
  id: string;
  name: string;
  sha256: string;
  project: string | null;
  task: string | null;
  session: string | null;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  expires_in_ms: number | null;
}

/** At an instant, or so long from now by Postgres' clock. */
export interface KeyEnds {
  expiresAt?: string | undefined;
  ttlMs?: number | undefined;
}

export interface NewKey extends KeyEnds {
  id: string;
  name: string;
  sha256: string;
  project: string | undefined;
  task: string | undefined;
  session: string | undefined;
}

/** `expiresInMs`: when it was read, by Postgres' clock, so that the clocks of gateways and runners do not matter. */
export type StoredKey = GatewayKey & { sha256: string; expiresInMs: number | null };

const MOST_LISTED = 1_000;

const COLUMNS = `*, (extract(epoch FROM expires_at - clock_timestamp()) * 1000)::double precision AS expires_in_ms`;

const fromRow = (row: KeyRow): StoredKey => ({
  id: row.id,
  name: row.name,
  sha256: row.sha256,
  expiresInMs: row.expires_in_ms,
  project: row.project,
  task: row.task,
  session: row.session,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at?.toISOString() ?? null,
  revokedAt: row.revoked_at?.toISOString() ?? null,
});

@Injectable()
export class KeysRepository {
  constructor(private readonly database: Database) {}

  /** The key that now has this id: the new one, or the one that had it before. */
  async insert(key: NewKey): Promise<StoredKey | undefined> {
    const [inserted] = await this.database.query<KeyRow>(
      `INSERT INTO keys (id, name, sha256, project, task, session, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, coalesce($7, clock_timestamp() + $8::double precision * interval '1 ms'))
       ON CONFLICT DO NOTHING
       RETURNING ${COLUMNS}`,
      [
        key.id,
        key.name,
        key.sha256,
        key.project ?? null,
        key.task ?? null,
        key.session ?? null,
        key.expiresAt ?? null,
        key.ttlMs ?? null,
      ],
    );
    return inserted ? fromRow(inserted) : this.byId(key.id);
  }

  async byId(id: string): Promise<StoredKey | undefined> {
    const [row] = await this.database.query<KeyRow>(`SELECT ${COLUMNS} FROM keys WHERE id = $1`, [id]);
    return row && fromRow(row);
  }

  async bySha256(sha256: string): Promise<StoredKey | undefined> {
    const [row] = await this.database.query<KeyRow>(`SELECT ${COLUMNS} FROM keys WHERE sha256 = $1`, [sha256]);
    return row && fromRow(row);
  }

  async renew(ids: readonly string[], { expiresAt, ttlMs }: KeyEnds): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `UPDATE keys SET expires_at = coalesce($2, clock_timestamp() + $3::double precision * interval '1 ms')
       WHERE id = ANY($1) AND revoked_at IS NULL AND expires_at IS NOT NULL
       RETURNING id`,
      [ids, expiresAt ?? null, ttlMs ?? null],
    );
    return rows.map(({ id }) => id);
  }

  async list(withSessions: boolean): Promise<StoredKey[]> {
    const rows = await this.database.query<KeyRow>(
      `SELECT ${COLUMNS} FROM keys WHERE $1 OR session IS NULL ORDER BY created_at DESC, id LIMIT $2`,
      [withSessions, MOST_LISTED],
    );
    return rows.map(fromRow);
  }

  async revoke(id: string): Promise<StoredKey | undefined> {
    const [row] = await this.database.query<KeyRow>(
      `UPDATE keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING ${COLUMNS}`,
      [id],
    );
    return row && fromRow(row);
  }

  /** Sessions make a key each; those that ended long ago are of no use. */
  async removeOldSessionKeys(): Promise<void> {
    await this.database.query(`DELETE FROM keys WHERE session IS NOT NULL AND expires_at < now() - interval '7 days'`);
  }
}
