import { Injectable } from '@nestjs/common';
import { type Fact, vmFacts, type VmState } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { Clock, Outbox } from '@purser/service';
import { vmOf, type VmRow } from './vm-row.js';
import { type NewVm, type VmChange, VmsRepository } from './vms.repository.js';

type VmFact = (typeof vmFacts)[keyof typeof vmFacts];

/** Every change of a VM's row, with the fact that tells of it in the same transaction. */
@Injectable()
export class VmRecords {
  private installed: string | undefined;
  /** Those that are not over. Where there are none, nothing is asked for until one is wanted. */
  readonly open: () => Promise<VmRow[]>;

  constructor(
    private readonly database: Database,
    private readonly vms: VmsRepository,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
  ) {
    this.open = database.whileUnchanged(['vms'], () => vms.open(database), isEmpty);
  }

  /** On every label: by it platforms are searched. */
  async installation(): Promise<string> {
    return (this.installed ??= await this.vms.installation(this.database));
  }

  async insert(vm: NewVm): Promise<VmRow> {
    const row = await this.changing(async (tx) => {
      const inserted = await this.vms.insert(tx, vm);
      await this.outbox.add(tx, vmFacts.requested, inserted.id, vmOf(inserted));
      return inserted;
    });
    void this.outbox.flush();
    return row;
  }

  /** Undefined when another one changed it meanwhile: then it is to be read again, and nothing was told. */
  async change(row: VmRow, change: VmChange, tell?: VmFact): Promise<VmRow | undefined> {
    const changed = await this.changing(async (tx) => {
      const after = await this.vms.change(tx, row, change);
      if (after && tell) await this.outbox.add<Fact>(tx, tell, after.id, vmOf(after));
      return after;
    });
    if (tell) void this.outbox.flush();
    return changed;
  }

  private changing<T>(work: (tx: Sql) => Promise<T>): Promise<T> {
    return this.database.changing(['vms'], () => this.database.transaction(work));
  }

  enter(row: VmRow, state: VmState, reason: string, more: VmChange = {}): Promise<VmRow | undefined> {
    const now = this.clock.now();
    const gone = state === 'gone' ? { gone_at: now } : {};
    return this.change(row, { ...gone, ...more, state, reason, since: now }, vmFacts[state]);
  }

  /** Told as such, and counted. */
  preempted(row: VmRow, reason: string): Promise<VmRow | undefined> {
    return this.change(row, { reason, preempted_at: row.preempted_at ?? this.clock.now() }, vmFacts.preempted);
  }

  get(id: string): Promise<VmRow | undefined> {
    return this.vms.get(this.database, id);
  }

  list(filter: { all: boolean; component?: string | undefined; limit: number }): Promise<VmRow[]> {
    return this.vms.list(this.database, filter);
  }

  /** The names under which money is or may be held. */
  async leaseholders(): Promise<string[]> {
    return (await this.open()).filter(({ lease }) => lease === 'asked' || lease === 'held').map(({ name }) => name);
  }

  /** Its platform had it just now. */
  saw({ id }: Pick<VmRow, 'id'>): Promise<void> {
    return this.vms.saw(this.database, id, this.clock.now());
  }

  heard(id: string, at: Date): Promise<VmRow | undefined> {
    return this.vms.heard(this.database, id, at);
  }
}

/** Of those that are there, heartbeats and bills change too, which is not told. */
const isEmpty = (rows: VmRow[]): boolean => rows.length === 0;
