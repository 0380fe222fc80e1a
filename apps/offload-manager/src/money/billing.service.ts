import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { computeSpendId, spendRecorded } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { parseUsd, sumNano } from '@purser/money';
import { Log, Outbox } from '@purser/service';
import { type StrayRow } from '../reaping/stray-row.js';
import type { VmRow } from '../vms/vm-row.js';
import { type Billed, BillingRepository, type MeteredVm } from './billing.repository.js';
import { dueStretch, type Life, type Payer, resourceId, spendOf, trafficSpendOf } from './spend-of.js';
import { type Costing, costOf, VmRates } from './vm-rates.js';

interface Due {
  id: string;
  costing: Costing;
  before: Date | null;
  life: Life;
  payer: Payer;
  /** As the ledger names it. */
  resource: string;
  /** What left it: what was told, and what its agent has told in all; and what it may send. */
  bytes: { told: bigint; metered: bigint; bound: bigint | null };
}

/** Tells the ledger what runs, by the minute, from the platform's own time of creation until it was seen to be gone. */
@Injectable()
export class Billing {
  private readonly vms: () => Promise<MeteredVm[]>;
  private readonly strays: () => Promise<StrayRow[]>;

  constructor(
    private readonly database: Database,
    private readonly rows: BillingRepository,
    private readonly rates: VmRates,
    private readonly outbox: Outbox,
    private readonly bus: Bus,
    private readonly log: Log,
  ) {
    // Of those that are there, it changes without being told when they were seen.
    this.vms = database.whileUnchanged(['vms'], () => rows.vms(database), isEmpty);
    this.strays = database.whileUnchanged(['strays'], () => rows.strays(database), isEmpty);
  }

  async sweep(): Promise<void> {
    let told = false;
    for (const row of await this.vms())
      told = (await this.bill(dueVm(row), (tx, billed) => this.rows.billVm(tx, billed))) || told;
    const { instance } = this.bus.origin;
    for (const row of await this.strays())
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
    const bytes = this.sentBy(due);
    const egress = this.rates.egressRate(costing.provider, costing.zone);
    const sent = trafficSpendOf(resource, costing, egress, { ...bytes, at: stretch?.from ?? until }, payer);
    const spends = [
      ...(stretch ? [spendOf(resource, costing, rate, stretch, payer)] : []),
      ...(parseUsd(sent.amountUsd) > 0n ? [sent] : []),
    ];
    const cost = sumNano(spends.map(({ amountUsd }) => parseUsd(amountUsd)));
    const ms = stretch ? stretch.until.getTime() - stretch.from.getTime() : 0;
    const regular = cost - costOf(rate, ms) + costOf(this.rates.rate({ ...costing, spot: false }), ms);
    await this.database.transaction(async (tx) => {
      if (!(await note(tx, { id, before, until, cost, regular, sent: bytes.sent })) || spends.length === 0) return;
      await this.outbox.add(tx, spendRecorded, computeSpendId(costing.provider), { spends });
    });
    return spends.length > 0;
  }

  private sentBy({ id, costing: { provider }, bytes: { told, metered, bound } }: Due): { told: bigint; sent: bigint } {
    const most = this.rates.mostSent(provider, bound);
    if (metered <= most) return { told, sent: metered > told ? metered : told };
    // Once: from now on all that is ever billed is told.
    if (told < most) {
      const fields = { vm: id, provider, meteredBytes: metered.toString(), billedBytes: most.toString() };
      this.log.warn(fields, 'a VM has sent more than is ever billed of it: the bill of its platform may be larger');
    }
    return { told, sent: most > told ? most : told };
  }
}

const isEmpty = (rows: unknown[]): boolean => rows.length === 0;

const dueVm = (row: MeteredVm): Due => {
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
    bytes: { told: row.sent_bytes, metered: row.metered_bytes, bound: row.egress_bytes },
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
  // No agent of it is heard.
  bytes: { told: 0n, metered: 0n, bound: null },
});
