import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';

interface Row {
  id: string;
}

@Injectable()
export class SessionVmsRepository {
  constructor(private readonly database: Database) {}

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
    const rows = await this.database.query<Row>(
      `SELECT id FROM vms WHERE state NOT IN ('requested', 'deleting', 'gone') AND kept_until < $1`,
      [now],
    );
    return rows.map(({ id }) => id);
  }
}
