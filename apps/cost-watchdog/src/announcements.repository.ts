import { Injectable } from '@nestjs/common';
import type { Latch } from '@purser/contracts';
import type { Sql } from '@purser/database';
import { REVISIONS, type RevisionRow, type Revisions, revisionsOf } from './budgets/budgets.repository.js';
import { type LatchRow, latchOf } from './emergency/latch.repository.js';

@Injectable()
export class AnnouncementsRepository {
  /** All that a heartbeat carries, in one statement: while nothing happens, no other is asked for as often. */
  async read(sql: Sql): Promise<{ latch: Latch & { announced: boolean }; revisions: Revisions }> {
    const [row] = await sql.query<LatchRow & RevisionRow>(`SELECT latch.*, ${REVISIONS} FROM latch, budgets_revision`);
    if (!row) throw new Error('the row of the latch is missing');
    return { latch: latchOf(row), revisions: revisionsOf(row) };
  }
}
