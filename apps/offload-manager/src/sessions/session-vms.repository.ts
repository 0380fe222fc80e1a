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

  /** Leaves `rev` alone, as a heartbeat does. False when the session has no such VM. */
  async keep(sessionId: string, vmId: string, until: Date): Promise<boolean> {
    const rows = await this.database.query<Row>(
      'UPDATE vms SET kept_until = greatest(kept_until, $3) WHERE session_id = $1 AND id = $2 RETURNING id',
      [sessionId, vmId, until],
    );
    return rows.length > 0;
  }

  /** By the index of those that are open, which are few. */
  async unkept(now: Date): Promise<string[]> {
    const rows = await this.database.query<Row>(
      `SELECT id FROM vms WHERE state NOT IN ('deleting', 'gone') AND kept_until < $1`,
      [now],
    );
    return rows.map(({ id }) => id);
  }
}
