import { Injectable } from '@nestjs/common';
import type { Sql } from '@purser/database';
import type { VmRow } from './vm-row.js';

export type NewVm = Pick<
  VmRow,
  | 'id'
  | 'name'
  | 'request_id'
  | 'provider'
  | 'place'
  | 'machine_type'
  | 'spot'
  | 'memory_mb'
  | 'disk_gb'
  | 'component'
  | 'startup'
  | 'reason'
  | 'requested_at'
  | 'expires_at'
  | 'egress_bytes'
> &
  Partial<Pick<VmRow, 'session_id' | 'task_id' | 'ancestors' | 'project' | 'kept_until'>>;

export type VmChange = Partial<
  Pick<
    VmRow,
    | 'state'
    | 'reason'
    | 'zone'
    | 'request_id'
    | 'since'
    | 'called_at'
    | 'created_at'
    | 'ready_at'
    | 'heard_at'
    | 'seen_at'
    | 'gone_at'
    | 'preempted_at'
    | 'lease'
    | 'lease_asked_at'
    | 'held_nano'
    | 'windows'
    | 'cost_nano'
    | 'billed_until'
    | 'kept_until'
  >
>;

export interface BadZone {
  zone: string;
  reason: string;
  until: Date;
}

type Kind = Pick<VmRow, 'provider' | 'machine_type' | 'spot'>;

@Injectable()
export class VmsRepository {
  async installation(sql: Sql): Promise<string> {
    const [row] = await sql.query<{ id: string }>('SELECT id FROM installation');
    if (!row) throw new Error('the schema has no installation id');
    return row.id;
  }

  async insert(sql: Sql, vm: NewVm): Promise<VmRow> {
    const [row] = await sql.query<VmRow>(
      `INSERT INTO vms (id, name, request_id, provider, machine_type, spot, memory_mb, disk_gb, component, startup,
         state, reason, requested_at, since, expires_at, lease, place, egress_bytes, session_id, task_id, ancestors, project,
         kept_until)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'requested', $11, $12, $12, $13, 'none', $14, $15, $16, $17, $18,
         $19, $20) RETURNING *`,
      [
        vm.id,
        vm.name,
        vm.request_id,
        vm.provider,
        vm.machine_type,
        vm.spot,
        vm.memory_mb,
        vm.disk_gb,
        vm.component,
        JSON.stringify(vm.startup),
        vm.reason,
        vm.requested_at,
        vm.expires_at,
        vm.place,
        vm.egress_bytes,
        vm.session_id ?? null,
        vm.task_id ?? null,
        vm.ancestors ?? [],
        vm.project ?? null,
        vm.kept_until ?? null,
      ],
    );
    if (!row) throw new Error('the VM was not written');
    return row;
  }

  /** Only as it was read: undefined when another one changed it since then. The columns are those of the type. */
  async change(sql: Sql, { id, rev }: Pick<VmRow, 'id' | 'rev'>, change: VmChange): Promise<VmRow | undefined> {
    const columns = Object.entries(change).filter(([, value]) => value !== undefined);
    const set = columns.map(([name], index) => `, ${name} = $${index + 3}`).join('');
    const [row] = await sql.query<VmRow>(`UPDATE vms SET rev = rev + 1${set} WHERE id = $1 AND rev = $2 RETURNING *`, [
      id,
      rev,
      ...columns.map(([, value]) => value),
    ]);
    return row;
  }

  /** Hundreds of heartbeats must not get in the way of a change of state: they leave `rev` alone. */
  async heard(sql: Sql, id: string, at: Date): Promise<VmRow | undefined> {
    const [row] = await sql.query<VmRow>(
      `UPDATE vms SET heard_at = greatest(heard_at, $2) WHERE id = $1 AND state <> 'gone' RETURNING *`,
      [id, at],
    );
    return row;
  }

  /** Leaves `rev` alone, as a heartbeat does. */
  async saw(sql: Sql, id: string, at: Date): Promise<void> {
    await sql.query('UPDATE vms SET seen_at = greatest(seen_at, $2) WHERE id = $1', [id, at]);
  }

  async get(sql: Sql, id: string): Promise<VmRow | undefined> {
    const [row] = await sql.query<VmRow>('SELECT * FROM vms WHERE id = $1', [id]);
    return row;
  }

  /** Those that are not over: something may be there, or money may be held. */
  open(sql: Sql): Promise<VmRow[]> {
    return sql.query<VmRow>(
      `SELECT * FROM vms WHERE state <> 'gone' OR lease IN ('asked', 'held') ORDER BY requested_at, id`,
    );
  }

  list(sql: Sql, filter: { all: boolean; component?: string | undefined; limit: number }): Promise<VmRow[]> {
    return sql.query<VmRow>(
      `SELECT * FROM vms WHERE ($1 OR state <> 'gone') AND ($2::text IS NULL OR component = $2)
        ORDER BY requested_at DESC, id LIMIT $3`,
      [filter.all, filter.component ?? null, filter.limit],
    );
  }

  async markBad(sql: Sql, { provider, machine_type, spot }: Kind, { zone, reason, until }: BadZone): Promise<void> {
    await sql.query(
      `INSERT INTO bad_zones (provider, zone, machine_type, spot, reason, until) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (provider, zone, machine_type, spot) DO UPDATE SET reason = excluded.reason, until = excluded.until`,
      [provider, zone, machine_type, spot, reason, until],
    );
  }

  badZones(sql: Sql, { provider, machine_type, spot }: Kind, now: Date): Promise<BadZone[]> {
    return sql.query<BadZone>(
      'SELECT zone, reason, until FROM bad_zones WHERE provider = $1 AND machine_type = $2 AND spot = $3 AND until > $4',
      [provider, machine_type, spot, now],
    );
  }
}
