import { Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import type { Movable } from './movables.js';
import type { MoveRow, MoveStep } from './move-row.js';
import { isDead } from './sessions.js';

/** A move as its owner read it. */
type Held = Pick<MoveRow, 'id' | 'epoch'>;

export type NewMove = Pick<
  MoveRow,
  'id' | 'component' | 'direction' | 'machine_type' | 'spot' | 'memory_mb' | 'vm_id' | 'definition' | 'reason'
> & {
  /** Whether somebody asked for it, and nothing decided it. */
  by_hand: boolean;
};

const COLUMNS =
  'id, component, direction, step, machine_type, spot, memory_mb, vm_id, definition, reason, error, created_at, step_at, epoch';
const OPEN = `step NOT IN ('done', 'failed')`;
/**
 * Whoever has one goes on with it; after a crash another one does, or the same one anew: at once where the database knows
 * that it is no more, and after this time where it is only silent.
 */
const CLAIM = `interval '60 seconds'`;

@Injectable()
export class MovesRepository {
  private readonly open: () => Promise<{ id: string }[]>;

  constructor(private readonly database: Database) {
    this.open = database.whileUnchanged(['moves'], () =>
      database.query<{ id: string }>(`SELECT id FROM moves WHERE ${OPEN}`),
    );
  }

  /** Undefined when the component is moving already, or as many are as may. */
  async insert(move: NewMove, most: number): Promise<MoveRow | undefined> {
    const inserting = async (tx: Sql) => {
      await tx.query('LOCK TABLE moves IN SHARE ROW EXCLUSIVE MODE');
      const [row] = await tx.query<MoveRow>(
        `INSERT INTO moves (id, component, direction, step, machine_type, spot, vm_id, definition, reason, memory_mb, by_hand)
         SELECT $1, $2, $3, 'starting', $4, $5, $6, $7, $8, $10, $11
         WHERE (SELECT count(*) FROM moves WHERE ${OPEN}) < $9
           AND NOT EXISTS (SELECT FROM moves WHERE ${OPEN} AND component = $2)
         RETURNING ${COLUMNS}`,
        [
          move.id,
          move.component,
          move.direction,
          move.machine_type,
          move.spot,
          move.vm_id,
          JSON.stringify(move.definition),
          move.reason,
          most,
          move.memory_mb,
          move.by_hand,
        ],
      );
      return row;
    };
    return this.database.changing(['moves'], () => this.database.transaction(inserting));
  }

  /** Those that are not over and that nobody else has at hand. Where none is open, nothing is asked for. */
  async claim(instance: string): Promise<MoveRow[]> {
    if ((await this.open()).length === 0) return [];
    return this.database.query(
      `UPDATE moves SET claimed_by = $1, claimed_until = now() + ${CLAIM},
              epoch = epoch + CASE WHEN claimed_by = $1 AND claimed_until > now() THEN 0 ELSE 1 END
       WHERE id IN (
         SELECT id FROM moves WHERE ${OPEN} AND (claimed_by = $1 OR claimed_until IS NULL OR claimed_until < now() OR ${isDead('claimed_by')})
         ORDER BY created_at FOR UPDATE SKIP LOCKED)
       RETURNING ${COLUMNS}`,
      [instance],
    );
  }

  /** While a step takes long. Of what was lost to another one, nothing. */
  async keep(instance: string): Promise<void> {
    await this.database.query(
      `UPDATE moves SET claimed_until = now() + ${CLAIM} WHERE ${OPEN} AND claimed_by = $1 AND claimed_until > now()`,
      [instance],
    );
  }

  /** Undefined when it was taken over, or is in another step: then nothing was written. */
  async enter(
    tx: Sql,
    { id, epoch }: Held,
    from: MoveStep,
    to: MoveStep,
    error: string | null,
  ): Promise<MoveRow | undefined> {
    const [row] = await tx.query<MoveRow>(
      `UPDATE moves SET step = $4, step_at = now(), error = coalesce($5, error)
        WHERE id = $1 AND epoch = $2 AND step = $3 RETURNING ${COLUMNS}`,
      [id, epoch, from, to, error],
    );
    return row;
  }

  /** False when it has one already, or was taken over. */
  async setVm({ id, epoch }: Held, vmId: string): Promise<boolean> {
    const rows = await this.database.query(
      'UPDATE moves SET vm_id = $3 WHERE id = $1 AND epoch = $2 AND vm_id IS NULL RETURNING id',
      [id, epoch, vmId],
    );
    return rows.length > 0;
  }

  /** Whether it is still its owner's. */
  async isHeld({ id, epoch }: Held): Promise<boolean> {
    const rows = await this.database.query(`SELECT FROM moves WHERE id = $1 AND epoch = $2 AND ${OPEN}`, [id, epoch]);
    return rows.length > 0;
  }

  /** VMs of a component that this move, or a later one, has by now, whoever goes on with it. */
  async findVms({ id, component, created_at }: Pick<MoveRow, 'id' | 'component' | 'created_at'>): Promise<string[]> {
    const rows = await this.database.query<{ vm_id: string }>(
      `SELECT vm_id FROM moves WHERE component = $2 AND vm_id IS NOT NULL AND (id = $1 OR created_at > $3)`,
      [id, component, created_at],
    );
    return rows.map(({ vm_id }) => vm_id);
  }

  list(limit: number): Promise<MoveRow[]> {
    return this.database.query(`SELECT ${COLUMNS} FROM moves ORDER BY created_at DESC, id LIMIT $1`, [limit]);
  }

  async find(id: string): Promise<MoveRow | undefined> {
    const [row] = await this.database.query<MoveRow>(`SELECT ${COLUMNS} FROM moves WHERE id = $1`, [id]);
    return row;
  }

  async isMoving(component: string): Promise<boolean> {
    const rows = await this.database.query(`SELECT FROM moves WHERE ${OPEN} AND component = $1`, [component]);
    return rows.length > 0;
  }

  /** Of what is on a VM, or on its way, as it was when it was moved last. */
  async definitions(): Promise<Movable[]> {
    const rows = await this.database.query<Pick<MoveRow, 'definition'>>(
      `SELECT DISTINCT ON (component) definition FROM moves
        WHERE component IN (SELECT component FROM component_places WHERE vm_id IS NOT NULL
                            UNION SELECT component FROM moves WHERE ${OPEN})
        ORDER BY component, created_at DESC`,
    );
    return rows.map(({ definition }) => definition);
  }

  /** Those that are over, but for those that tell how what is away came there. */
  async forget(days: number): Promise<void> {
    await this.database.query(
      `DELETE FROM moves m WHERE NOT (${OPEN}) AND step_at < now() - make_interval(days => $1)
         AND NOT EXISTS (SELECT FROM component_places p WHERE p.component = m.component AND p.vm_id = m.vm_id)`,
      [days],
    );
  }

  /** The last one that brought it to where it is. */
  async lastOut(component: string, vmId: string): Promise<MoveRow | undefined> {
    const [row] = await this.database.query<MoveRow>(
      `SELECT ${COLUMNS} FROM moves WHERE component = $1 AND vm_id = $2 AND direction = 'to_vm'
       ORDER BY created_at DESC LIMIT 1`,
      [component, vmId],
    );
    return row;
  }
}
