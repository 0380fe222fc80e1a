import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { computeSpendId, spendRecorded } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { Outbox } from '@purser/service';
import { type StrayRow } from '../reaping/stray-row.js';
import type { VmRow } from '../vms/vm-row.js';
import { type Billed, BillingRepository } from './billing.repository.js';
import { dueStretch, type Life, type Payer, resourceId, spendOf } from './spend-of.js';
import { type Costing, costOf, VmRates } from './vm-rates.js';

interface Due {
  id: string;
  costing: Costing;
  before: Date | null;
  life: Life;
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
    const { id, costing, before, life, payer, resource } = due;
    const stretch = dueStretch(life, before);
    // All is told of what is billed until it was seen to be gone, also where it had ended before that.
    const until = life.goneAt ?? stretch?.until;
    if (until === undefined) return false;
    const rate = this.rates.rate(costing);
    const cost = stretch ? costOf(rate, stretch.until.getTime() - stretch.from.getTime()) : 0n;
    await this.database.transaction(async (tx) => {
      if (!(await note(tx, { id, before, until, cost })) || !stretch) return;
      const spend = spendOf(resource, costing, rate, stretch, payer);
      await this.outbox.add(tx, spendRecorded, computeSpendId(costing.provider), { spends: [spend] });
    });
    return stretch !== undefined;
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
    life: {
      createdAt,
      seenAt: lastSeen(row, createdAt),
      goneAt: row.gone_at,
      expiresAt: endByPlatform(row, createdAt),
    },
    payer: { callId: id, gateway: name, windows, project: row.project, task: row.task_id, ancestors: row.ancestors },
    resource: resourceId(provider, 'vm', zone, name, createdAt),
  };
};

/** What its agent says proves as much as what its platform says. */
const lastSeen = ({ seen_at: seen, heard_at: heard }: VmRow, createdAt: Date): Date =>
  new Date(Math.max(createdAt.getTime(), seen?.getTime() ?? 0, heard?.getTime() ?? 0));

const endByPlatform = ({ expires_at: expires, requested_at: requested }: VmRow, createdAt: Date): Date =>
  new Date(createdAt.getTime() + expires.getTime() - requested.getTime());

const dueStray = (row: StrayRow, instance: string): Due => ({
  id: row.id,
  costing: {
    provider: row.provider,
    zone: row.zone,
    // Stopped, it still costs its disk.
    machineType: row.kind === 'vm' && row.running ? (row.machine_type ?? 'unknown') : undefined,
    spot: row.spot,
    diskGb: row.disk_gb,
    address: row.kind === 'address',
  },
  before: row.billed_until,
  life: { createdAt: row.created_at, seenAt: row.seen_at, goneAt: row.gone_at, expiresAt: row.expires_at },
  payer: { callId: row.id, gateway: instance, windows: [] },
  resource: row.id,
});
