import { Injectable } from '@nestjs/common';
import { PriceRow } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import type { SetPrice } from './price-table.js';

interface Row {
  model: string;
  price: unknown;
  set_by: string;
  reason: string;
  set_at: Date;
}

@Injectable()
export class PricesRepository {
  private readonly versions: () => Promise<{ version: bigint }[]>;

  constructor(private readonly database: Database) {
    this.versions = database.whileUnchanged(['price_rows'], () => this.readVersion());
  }

  async add(rows: readonly { model: string; price: PriceRow }[], by: string, reason: string): Promise<void> {
    const adding = async (tx: Sql) => {
      // Rows are numbered when they are written. One writer at a time, so that they are also seen in that order.
      await tx.query('LOCK TABLE price_rows IN SHARE ROW EXCLUSIVE MODE');
      await tx.query(
        `INSERT INTO price_rows (model, price, set_by, reason)
         SELECT model, price, $2, $3 FROM jsonb_to_recordset($1::jsonb) AS x(model text, price jsonb)`,
        [JSON.stringify(rows), by, reason],
      );
    };
    await this.database.changing(['price_rows'], () => this.database.transaction(adding));
  }

  /** Grows with every row that can be seen, since `add` lets one writer in at a time. */
  async version(): Promise<bigint> {
    const [row] = await this.readVersion();
    return row?.version ?? 0n;
  }

  /** The same, as it was when a change was last told: mostly nothing is asked for. What was just set elsewhere may not be in it yet. */
  async heardVersion(): Promise<bigint> {
    const [row] = await this.versions();
    return row?.version ?? 0n;
  }

  /** Answered from the end of the primary key's index. */
  private readVersion(): Promise<{ version: bigint }[]> {
    return this.database.query('SELECT coalesce(max(seq), 0) AS version FROM price_rows');
  }

  /** The newest row of each model, and the models whose newest row an older or newer Purser wrote and this one cannot read. */
  async current(): Promise<{ prices: SetPrice[]; unreadable: string[] }> {
    const rows = await this.database.query<Row>(
      'SELECT DISTINCT ON (model) model, price, set_by, reason, set_at FROM price_rows ORDER BY model, seq DESC',
    );
    const prices: SetPrice[] = [];
    const unreadable: string[] = [];
    for (const { model, price, set_by: setBy, reason, set_at: setAt } of rows) {
      const row = PriceRow.safeParse(price);
      if (row.success) prices.push({ model, row: row.data, setBy, reason, setAt: setAt.toISOString() });
      else unreadable.push(model);
    }
    return { prices, unreadable };
  }
}
