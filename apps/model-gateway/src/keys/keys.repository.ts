import { Injectable } from '@nestjs/common';
import type { GatewayKey, KeyProof } from '@purser/contracts';
import { Database } from '@purser/database';
import type { KeyRules } from './caller.js';

interface KeyRow {
  id: string;
  prefix: string;
  salt: string;
  hash: string;
  name: string;
  project: string | null;
  task: string | null;
  session: string | null;
  ancestors: string[];
  priority: number;
  paid_only: boolean;
  capabilities: string[] | null;
  models: string[] | null;
  requests_per_minute: bigint | null;
  tokens_per_minute: bigint | null;
  created_at: Date;
  expires_at: Date | null;
  revoked_at: Date | null;
  expires_in_ms: number | null;
}

/** At an instant (null: never), or so long from now by Postgres' clock. */
export interface KeyEnds {
  expiresAt?: string | null | undefined;
  ttlMs?: number | undefined;
}

export interface NewKey extends KeyEnds, KeyRules {
  id: string;
  name: string;
  proof: KeyProof;
  project: string | null;
  task: string | null;
  session: string | null;
  ancestors: readonly string[];
  priority: number;
  paidOnly: boolean;
}

export type KeyChange = KeyEnds & Partial<KeyRules & Pick<NewKey, 'name' | 'project' | 'priority' | 'paidOnly'>>;

/** `expiresInMs`: when it was read, by Postgres' clock, so that the clocks of gateways and runners do not matter. */
export type StoredKey = GatewayKey & { proof: KeyProof; expiresInMs: number | null };

const MOST_LISTED = 1_000;

const COLUMNS = `*, (extract(epoch FROM expires_at - clock_timestamp()) * 1000)::double precision AS expires_in_ms`;

const CHANGEABLE = {
  name: 'name',
  project: 'project',
  priority: 'priority',
  paidOnly: 'paid_only',
  capabilities: 'capabilities',
  models: 'models',
  requestsPerMinute: 'requests_per_minute',
  tokensPerMinute: 'tokens_per_minute',
} as const satisfies Partial<Record<keyof KeyChange, string>>;

const numberOf = (value: bigint | null): number | null => (value === null ? null : Number(value));

const fromRow = (row: KeyRow): StoredKey => ({
  id: row.id,
  prefix: row.prefix,
  proof: { prefix: row.prefix, salt: row.salt, hash: row.hash },
  name: row.name,
  expiresInMs: row.expires_in_ms,
  project: row.project,
  task: row.task,
  session: row.session,
  ancestors: row.ancestors,
  priority: row.priority,
  paidOnly: row.paid_only,
  capabilities: row.capabilities,
  models: row.models,
  requestsPerMinute: numberOf(row.requests_per_minute),
  tokensPerMinute: numberOf(row.tokens_per_minute),
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
      `INSERT INTO keys (id, prefix, salt, hash, name, project, task, session, priority, capabilities, models,
                         requests_per_minute, tokens_per_minute, expires_at, paid_only, ancestors)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,
               coalesce($14, clock_timestamp() + $15::double precision * interval '1 ms'), $16, $17)
       ON CONFLICT DO NOTHING
       RETURNING ${COLUMNS}`,
      [
        key.id,
        key.proof.prefix,
        key.proof.salt,
        key.proof.hash,
        key.name,
        key.project,
        key.task,
        key.session,
        key.priority,
        key.capabilities,
        key.models,
        key.requestsPerMinute,
        key.tokensPerMinute,
        key.expiresAt ?? null,
        key.ttlMs ?? null,
        key.paidOnly,
        key.ancestors,
      ],
    );
    return inserted ? fromRow(inserted) : this.byId(key.id);
  }

  async byId(id: string): Promise<StoredKey | undefined> {
    const [row] = await this.database.query<KeyRow>(`SELECT ${COLUMNS} FROM keys WHERE id = $1`, [id]);
    return row && fromRow(row);
  }

  async byPrefix(prefix: string): Promise<StoredKey | undefined> {
    const [row] = await this.database.query<KeyRow>(`SELECT ${COLUMNS} FROM keys WHERE prefix = $1`, [prefix]);
    return row && fromRow(row);
  }

  /** Which were revoked or changed within so long. Those that are new, or only live longer, are not among them. */
  async changedWithin(ms: number): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `SELECT id FROM keys WHERE changed_at > now() - $1::double precision * interval '1 ms' AND changed_at <> created_at`,
      [ms],
    );
    return rows.map(({ id }) => id);
  }

  /** One that was revoked stays as it is. */
  async update(id: string, { expiresAt, ttlMs, ...change }: KeyChange): Promise<StoredKey | undefined> {
    const values: unknown[] = [id];
    const put = (value: unknown): string => `$${values.push(value)}`;
    const sets = Object.entries(CHANGEABLE).flatMap(([field, column]) => {
      const value = change[field as keyof typeof CHANGEABLE];
      return value === undefined ? [] : [`${column} = ${put(value)}`];
    });
    if (ttlMs !== undefined)
      sets.push(`expires_at = clock_timestamp() + ${put(ttlMs)}::double precision * interval '1 ms'`);
    else if (expiresAt !== undefined) sets.push(`expires_at = ${put(expiresAt)}`);
    const [row] = await this.database.query<KeyRow>(
      `UPDATE keys SET ${[...sets, 'changed_at = clock_timestamp()'].join(', ')}
       WHERE id = $1 AND revoked_at IS NULL
       RETURNING ${COLUMNS}`,
      values,
    );
    return row && fromRow(row);
  }

  /** Those of sessions alone: runners ask for it, and people's keys are not theirs. Of those that now end sooner it is remembered that they changed. */
  async renew(ids: readonly string[], { expiresAt, ttlMs }: KeyEnds): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>(
      `UPDATE keys
       SET expires_at = e.ends_at,
           changed_at = CASE WHEN e.ends_at < keys.expires_at THEN clock_timestamp() ELSE changed_at END
       FROM (SELECT coalesce($2::timestamptz, clock_timestamp() + $3::double precision * interval '1 ms') AS ends_at) e
       WHERE id = ANY($1) AND session IS NOT NULL AND revoked_at IS NULL AND expires_at IS NOT NULL
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
      `UPDATE keys SET revoked_at = coalesce(revoked_at, now()), changed_at = clock_timestamp()
       WHERE id = $1 RETURNING ${COLUMNS}`,
      [id],
    );
    return row && fromRow(row);
  }

  /** Sessions make a key each; those that ended long ago are of no use. */
  async removeOldSessionKeys(): Promise<void> {
    await this.database.query(`DELETE FROM keys WHERE session IS NOT NULL AND expires_at < now() - interval '7 days'`);
  }
}
