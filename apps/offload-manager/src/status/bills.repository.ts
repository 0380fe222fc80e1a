import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import type { Nano } from '@purser/money';
import { VmRates } from '../money/vm-rates.js';
import type { Bills, VmBill } from './bills.js';

interface Row {
  provider: string;
  zone: string | null;
  machine_type: string;
  spot: boolean;
  disk_gb: number;
  created_at: Date;
  gone_at: Date | null;
  expires_at: Date;
  cost_nano: Nano;
  regular_nano: Nano;
}

/** What VMs cost, by what was told to the ledger of each. */
@Injectable()
export class BillsRepository implements Bills {
  constructor(
    private readonly database: Database,
    private readonly rates: VmRates,
  ) {}

  async since(at: Date): Promise<VmBill[]> {
    const rows = await this.database.query<Row>(
      `SELECT provider, zone, machine_type, spot, disk_gb, created_at, gone_at, expires_at, cost_nano,
              regular_nano FROM vms
        WHERE created_at IS NOT NULL AND (gone_at IS NULL OR gone_at > $1)`,
      [at],
    );
    return rows.map((row) => this.bill(row));
  }

  private bill(row: Row): VmBill {
    const { provider, machine_type: machineType, disk_gb: diskGb, spot } = row;
    const costing = { provider, zone: row.zone ?? undefined, machineType, diskGb };
    return {
      createdAt: row.created_at,
      goneAt: row.gone_at ?? undefined,
      expiresAt: row.expires_at,
      cost: row.cost_nano,
      regular: row.regular_nano,
      perHour: this.rates.rate({ ...costing, spot }).nanoPerHour,
    };
  }
}
