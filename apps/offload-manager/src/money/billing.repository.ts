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
}

@Injectable()
export class BillingRepository {
  /** What was seen at a platform and is not billed to its end. */
  vms(sql: Sql): Promise<VmRow[]> {
    return sql.query<VmRow>(
      `SELECT * FROM vms WHERE created_at IS NOT NULL AND (state <> 'gone' OR lease IN ('asked', 'held'))
          AND (gone_at IS NULL OR billed_until IS NULL OR billed_until < gone_at) ORDER BY id`,
    );
  }

  strays(sql: Sql): Promise<StrayRow[]> {
    return sql.query<StrayRow>('SELECT * FROM strays WHERE gone_at IS NULL OR billed_until < gone_at ORDER BY id');
  }

  /** Leaves `rev` alone: what it costs is nothing that a step depends on. */
  async billVm(sql: Sql, { id, before, until, cost }: Billed): Promise<boolean> {
    const rows = await sql.query(
      `UPDATE vms SET billed_until = $3, cost_nano = cost_nano + $4
        WHERE id = $1 AND billed_until IS NOT DISTINCT FROM $2 RETURNING id`,
      [id, before, until, cost],
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
