import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import type { VmUser } from './vm-user.js';

interface Row {
  vm_id: string;
  component: string;
  password: string;
}

@Injectable()
export class CredentialsRepository {
  constructor(private readonly database: Database) {}

  /** One manager after the other: each writes the whole file from all rows. */
  alone<T>(work: (tx: Sql) => Promise<T>): Promise<T> {
    return this.database.transaction(async (tx) => {
      // Conflicts with itself and with whoever writes, and lets others read.
      await tx.query('LOCK TABLE vm_users IN SHARE ROW EXCLUSIVE MODE');
      return work(tx);
    });
  }

  /** The one that is there already stays as it is. */
  async add(tx: Sql, { vmId, component, password }: VmUser, expiresAt: Date): Promise<VmUser> {
    const [row] = await tx.query<Row>(
      `INSERT INTO vm_users (vm_id, component, password, expires_at) VALUES ($1, $2, $3, $4)
       ON CONFLICT (vm_id) DO UPDATE SET expires_at = excluded.expires_at
       RETURNING vm_id, component, password`,
      [vmId, component, password, expiresAt],
    );
    if (!row) throw new Error(`no row for the user of VM ${vmId}`);
    return userOf(row);
  }

  async remove(tx: Sql, vmId: string): Promise<void> {
    await tx.query('DELETE FROM vm_users WHERE vm_id = $1', [vmId]);
  }

  /** A VM that is over by its own time limit needs no user any more, whoever has forgotten it. */
  async all(tx: Sql, now: Date): Promise<VmUser[]> {
    await tx.query('DELETE FROM vm_users WHERE expires_at < $1', [now]);
    return (await tx.query<Row>('SELECT vm_id, component, password FROM vm_users ORDER BY created_at, vm_id')).map(
      userOf,
    );
  }
}

const userOf = ({ vm_id, component, password }: Row): VmUser => ({ vmId: vm_id, component, password });
