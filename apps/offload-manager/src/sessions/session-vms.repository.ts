import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';

interface Row {
  id: string;
}

const HERE = `state NOT IN ('deleting', 'gone')`;

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
    if ((await this.here()).length === 0) return [];
    const rows = await this.database.query<Row>(`SELECT id FROM vms WHERE ${HERE} AND kept_until < $1`, [now]);
    return rows.map(({ id }) => id);
  }
}
