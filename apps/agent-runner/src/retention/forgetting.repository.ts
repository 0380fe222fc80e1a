import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';

@Injectable()
export class ForgettingRepository {
  constructor(private readonly database: Database) {}

  /**
   * Deletes all that is kept of these tasks: whatever table of this schema has a task_id, so that one that is added later
   * is not left out. The fences last, which some of the others hang on; without one, every write of an old session is
   * refused as before.
   */
  async forget(ids: readonly string[]): Promise<void> {
    const tables = await this.database.query<{ name: string }>(
      `SELECT quote_ident(c.relname) AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
       WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')
         AND a.attname = 'task_id' AND NOT a.attisdropped
       ORDER BY c.relname = 'fences', c.relname`,
    );
    await this.database.transaction(async (tx) => {
      for (const { name } of tables) await tx.query(`DELETE FROM ${name} WHERE task_id = ANY($1)`, [ids]);
    });
  }
}
