import { Injectable } from '@nestjs/common';
import { randomBytes, randomUUID } from 'node:crypto';
import { PurserError, type Vm } from '@purser/contracts';
import type { VmStartup } from '@purser/plugin-sdk';
import { VmMoney } from '../money/vm-money.service.js';
import { Reconciler } from './reconciler.service.js';
import { VmGate } from './vm-gate.js';
import { VmRecords } from './vm-records.js';
import { vmOf, type VmRow } from './vm-row.js';
import { vmName } from './vm-spec.js';

export interface VmWish {
  component: string;
  machineType: string;
  spot: boolean;
  memoryMb: number;
  diskGb: number;
  /** Without secrets: it is kept. Those of the agent are made when the VM is. */
  startup: VmStartup;
  /** Of a session, whose task and project pay for it. */
  session?: { id: string; task: string; ancestors: string[]; project: string | null; forMs: number };
}

const TRIES = 5;

/** What the rest of the manager may do with VMs. All of it is a change of a row; the reconciler does what follows from it. */
@Injectable()
export class VmsService {
  constructor(
    private readonly gate: VmGate,
    private readonly records: VmRecords,
    private readonly money: VmMoney,
    private readonly reconciler: Reconciler,
  ) {}

  /**
   * Resolves when its whole lifetime is paid for; the VM itself comes to be after that. Throws where none may be made, no
   * budget covers it, or nobody knows whether one does.
   */
  async request(wish: VmWish): Promise<Vm> {
    const { provider, place, now, expiresAt } = await this.gate.pass();
    this.money.refuseUnpriced(provider, wish.machineType);
    const id = randomBytes(6).toString('hex');
    const row = await this.records.insert({
      id,
      name: vmName(await this.records.installation(), id),
      request_id: randomUUID(),
      provider,
      place,
      machine_type: wish.machineType,
      spot: wish.spot,
      memory_mb: wish.memoryMb,
      disk_gb: wish.diskGb,
      component: wish.component,
      startup: wish.startup,
      reason: `wanted for ${wish.component}`,
      requested_at: now,
      expires_at: expiresAt,
      egress_bytes: this.money.paidEgress(provider),
      ...(wish.session && {
        session_id: wish.session.id,
        task_id: wish.session.task,
        ancestors: wish.session.ancestors,
        project: wish.session.project,
        kept_until: new Date(now.getTime() + wish.session.forMs),
      }),
    });
    try {
      return vmOf(await this.money.hold(row));
    } catch (error) {
      const reason = `not created: ${error instanceof Error ? error.message : String(error)}`;
      await this.turn(id, (latest) => this.records.enter(latest, 'gone', reason));
      throw error;
    }
  }

  /** Takes no new requests from now on, and is deleted after a while, or sooner by `remove`. */
  async drain(id: string, reason: string): Promise<Vm> {
    const row = await this.turn(id, (latest) => {
      if (latest.state === 'ready') return this.records.enter(latest, 'draining', reason);
      return latest.state === 'draining'
        ? Promise.resolve(latest)
        : this.records.enter(latest, ...endOf(latest, reason));
    });
    return vmOf(row);
  }

  /** Whatever state it is in. It is `gone` when it was seen to be. */
  async remove(id: string, reason: string): Promise<Vm> {
    const row = await this.turn(id, (latest) => this.records.enter(latest, ...endOf(latest, reason)));
    if (row.state === 'deleting') void this.reconciler.hurry(id).catch(() => undefined);
    return vmOf(row);
  }

  async get(id: string): Promise<Vm> {
    return vmOf(await this.read(id));
  }

  async list(filter: { all?: boolean; component?: string | undefined; limit?: number } = {}): Promise<Vm[]> {
    const { all = false, component, limit = 1_000 } = filter;
    return (await this.records.list({ all, component, limit })).map(vmOf);
  }

  /** Its agent spoke; `healthy` is what it says of its component. One that is gone is not found. */
  async agentHeard(id: string, at: Date, healthy: boolean): Promise<Vm> {
    let row = await this.records.heard(id, at);
    if (!row) throw notFound(id);
    if (healthy && row.state === 'creating' && row.created_at !== null) {
      const ready = { ready_at: at };
      row = (await this.records.enter(row, 'ready', `serves ${row.component} in ${row.zone}`, ready)) ?? row;
    }
    return vmOf(row);
  }

  /** The platform said that it takes it away at `at`: it takes no new requests any more. */
  async preempted(id: string, at: Date): Promise<Vm> {
    const reason = `the platform takes it away at ${at.toISOString()}`;
    const row = await this.turn(id, async (latest) => {
      if (latest.state !== 'ready') return latest;
      const told = await this.records.preempted(latest, reason);
      return told && this.records.enter(told, 'draining', reason);
    });
    return vmOf(row);
  }

  private async read(id: string): Promise<VmRow> {
    const row = await this.records.get(id);
    if (row) return row;
    throw notFound(id);
  }

  /** Of one that is over, nothing is changed. */
  private async turn(id: string, change: (latest: VmRow) => Promise<VmRow | undefined>): Promise<VmRow> {
    for (let attempt = 1; attempt <= TRIES; attempt++) {
      const latest = await this.read(id);
      if (latest.state === 'gone' || latest.state === 'deleting') return latest;
      const changed = await change(latest);
      if (changed) return changed;
    }
    throw new PurserError('conflict', { message: `VM ${id} changes too fast; try again` });
  }
}

/** Where nothing was called there is nothing to delete. */
const endOf = ({ state }: VmRow, reason: string): ['gone' | 'deleting', string] => [
  state === 'requested' ? 'gone' : 'deleting',
  reason,
];

const notFound = (id: string) => new PurserError('not_found', { message: `there is no VM "${id}", or it is gone` });
