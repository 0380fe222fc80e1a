import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';

interface Row {
  id: string;
}

const HERE = `state NOT IN ('requested', 'deleting', 'gone')`;

@Injectable()
export class SessionVmsRepository {
  /** VMs that may be unkept. Where there are none, nothing is asked for until one is wanted. */
  private readonly here: () => Promise<Row[]>;

  constructor(private readonly database: Database) {
    this.here = database.whileUnchanged(
      ['vms'],
      () => database.query<Row>(`SELECT id FROM vms WHERE ${HERE} LIMIT 1`),
      (rows) => rows.length === 0,
    );
  }

  async vmOf(sessionId: string): Promise<string | undefined> {
    const [row] = await this.database.query<Row>('SELECT id FROM vms WHERE session_id = $1', [sessionId]);
    return row?.id;
  }

  /** Leaves `rev` alone, as a heartbeat does. One that was left stays so. False when the session has no such VM. */
  async keep(sessionId: string, vmId: string, until: Date): Promise<boolean> {
    const rows = await this.database.query<Row>(
      `UPDATE vms SET kept_until = CASE WHEN kept_until IS NOT NULL THEN greatest(kept_until, $3) END
        WHERE session_id = $1 AND id = $2 RETURNING id`,
      [sessionId, vmId, until],
    );
    return rows.length > 0;
  }

  /** A request of its session that is still on its way is given no other from now on. */
  async leave(vmId: string): Promise<void> {
    await this.database.query('UPDATE vms SET kept_until = NULL WHERE id = $1', [vmId]);
  }

  /** Of one that never was: its session may have another. False when the session is over. */
  async free(vmId: string): Promise<boolean> {
    const rows = await this.database.query<Row>(
      'UPDATE vms SET session_id = NULL WHERE id = $1 AND kept_until IS NOT NULL RETURNING id',
      [vmId],
    );
    return rows.length > 0;
  }

  /** By the index of those that are open, which are few. One whose money is being asked for has its own time for that. */
  async unkept(now: Date): Promise<string[]> {
    if ((await this.here()).length === 0) return [];
    const rows = await this.database.query<Row>(`SELECT id FROM vms WHERE ${HERE} AND kept_until < $1`, [now]);
    return rows.map(({ id }) => id);
  }
}
