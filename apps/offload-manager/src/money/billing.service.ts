import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { computeSpendId, spendRecorded } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { Clock, Outbox } from '@purser/service';
import { type StrayRow } from '../reaping/stray-row.js';
import type { VmRow } from '../vms/vm-row.js';
import { type Billed, BillingRepository } from './billing.repository.js';
import { dueStretch, type Payer, resourceId, spendOf } from './spend-of.js';
import { type Costing, costOf, VmRates } from './vm-rates.js';

interface Due {
  id: string;
  costing: Costing;
  before: Date | null;
  createdAt: Date;
  goneAt: Date | null;
  payer: Payer;
  /** As the ledger names it. */
  resource: string;
}

/** Tells the ledger what runs, by the minute, from the platform's own time of creation until it was seen to be gone. */
@Injectable()
export class Billing {
  constructor(
    private readonly database: Database,
    private readonly rows: BillingRepository,
    private readonly rates: VmRates,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
    private readonly bus: Bus,
  ) {}

  async sweep(): Promise<void> {
    let told = false;
    for (const row of await this.rows.vms(this.database))
      told = (await this.bill(dueVm(row), (tx, billed) => this.rows.billVm(tx, billed))) || told;
    const { instance } = this.bus.origin;
    for (const row of await this.rows.strays(this.database))
      told = (await this.bill(dueStray(row, instance), (tx, billed) => this.rows.billStray(tx, billed))) || told;
    if (told) await this.outbox.flush();
  }

  private async bill(due: Due, note: (tx: Sql, billed: Billed) => Promise<boolean>): Promise<boolean> {
    const { id, costing, before, createdAt, goneAt, payer, resource } = due;
    const stretch = dueStretch({ createdAt, billedUntil: before, goneAt }, this.clock.now());
    if (!stretch) return false;
    const rate = this.rates.rate(costing);
    const cost = costOf(rate, stretch.until.getTime() - stretch.from.getTime());
    await this.database.transaction(async (tx) => {
      if (!(await note(tx, { id, before, until: stretch.until, cost }))) return;
      const spend = spendOf(resource, costing, rate, stretch, payer);
      await this.outbox.add(tx, spendRecorded, computeSpendId(costing.provider), { spends: [spend] });
    });
    return true;
  }
}

const dueVm = (row: VmRow): Due => {
  const { id, name, provider, machine_type: machineType, spot, disk_gb: diskGb, windows } = row;
  const zone = row.zone ?? '';
  const createdAt = row.created_at ?? row.requested_at;
  return {
    id,
    costing: { provider, zone, machineType, spot, diskGb },
    before: row.billed_until,
    createdAt,
    goneAt: row.gone_at,
    payer: { callId: id, gateway: name, windows },
    resource: resourceId(provider, 'vm', zone, name, createdAt),
  };
};

const dueStray = (row: StrayRow, instance: string): Due => ({
  id: row.id,
  costing: {
    provider: row.provider,
    zone: row.zone,
    // Stopped, it still costs its disk.
    machineType: row.kind === 'vm' && row.running ? (row.machine_type ?? 'unknown') : undefined,
    spot: row.spot,
    diskGb: row.disk_gb,
  },
  before: row.billed_until,
  createdAt: row.created_at,
  goneAt: row.gone_at,
  payer: { callId: row.id, gateway: instance, windows: [] },
  resource: row.id,
});
