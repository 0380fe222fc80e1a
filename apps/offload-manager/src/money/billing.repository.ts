import { Injectable } from '@nestjs/common';
import type { Sql } from '@purser/database';
import type { Nano } from '@purser/money';
import type { StrayRow } from '../reaping/stray-row.js';
import type { VmRow } from '../vms/vm-row.js';

export interface Billed {
  id: string;
  /** Up to when it was billed before: another manager that was faster has moved it on. */
  before: Date | null;
  until: Date;
  cost: Nano;
  /** What the same had cost on a regular machine; of a VM. */
  regular: Nano;
  /** In all, with what was told before; of a VM. */
  sent: bigint;
}

export type MeteredVm = VmRow & { metered_bytes: bigint };

@Injectable()
export class BillingRepository {
  /** What was seen at a platform and is not billed to its end. */
  vms(sql: Sql): Promise<MeteredVm[]> {
    return sql.query<MeteredVm>(
      `SELECT *, (SELECT coalesce(sum(t.sent_bytes), 0)::bigint FROM vm_traffic t WHERE t.vm_id = vms.id) AS metered_bytes
         FROM vms WHERE created_at IS NOT NULL AND (state <> 'gone' OR lease IN ('asked', 'held'))
          AND (gone_at IS NULL OR billed_until IS NULL OR billed_until < gone_at) ORDER BY id`,
    );
  }

  strays(sql: Sql): Promise<StrayRow[]> {
    return sql.query<StrayRow>('SELECT * FROM strays WHERE gone_at IS NULL OR billed_until < gone_at ORDER BY id');
  }

  /** Leaves `rev` alone: what it costs is nothing that a step depends on. */
  async billVm(sql: Sql, { id, before, until, cost, sent, regular }: Billed): Promise<boolean> {
    const rows = await sql.query(
      `UPDATE vms SET billed_until = $3, cost_nano = cost_nano + $4, sent_bytes = $5,
              regular_nano = regular_nano + $6
        WHERE id = $1 AND billed_until IS NOT DISTINCT FROM $2 RETURNING id`,
      [id, before, until, cost, sent, regular],
    );
    return rows.length > 0;
  }

  async billStray(sql: Sql, { id, before, until, cost }: Billed): Promise<boolean> {
    const rows = await sql.query(
      `UPDATE strays SET billed_until = $3, cost_nano = cost_nano + $4 WHERE id = $1 AND billed_until = $2 RETURNING id`,
      [id, before, until, cost],
    );
    return rows.length > 0;
  }
}
