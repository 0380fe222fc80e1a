import { Injectable } from '@nestjs/common';
import { type BudgetStatus, MOST_WINDOWS, PurserError } from '@purser/contracts';
import { formatUsd, maxNano, type Nano } from '@purser/money';
import { Clock } from '@purser/service';
import type { VmRow } from '../vms/vm-row.js';
import type { VmChange } from '../vms/vms.repository.js';
import { VmRecords } from '../vms/vm-records.js';
import { WatchdogDesk } from './watchdog-desk.js';
import { VmRates } from './vm-rates.js';

/** A grant whose answer was lost may be made this late: the watchdog's database ends every statement within it. */
const LATE_GRANT_MS = 40_000;
/** A window may end between reading it and asking for it. */
const TRIES = 3;

type Payer = Pick<VmRow, 'provider' | 'project' | 'task_id' | 'ancestors'>;

const tasksOf = ({ task_id: task, ancestors }: Payer): string[] => (task === null ? [] : [task, ...ancestors]);

/** No key has a VM to itself; a project or a task only by a session of its own. */
const counts = ({ scope }: BudgetStatus, row: Payer): boolean =>
  (scope.provider === undefined || scope.provider === row.provider) &&
  (scope.project === undefined || scope.project === row.project) &&
  (scope.task === undefined || tasksOf(row).includes(scope.task)) &&
  scope.key === undefined;

/**
 * The whole worst case of a VM is held in every budget that it counts against before its platform is called, and what it
 * did not cost goes back when it is gone. Its cost counts in the windows of its creation, as that of a call does.
 */
@Injectable()
export class VmMoney {
  constructor(
    private readonly desk: WatchdogDesk,
    private readonly records: VmRecords,
    private readonly rates: VmRates,
    private readonly clock: Clock,
  ) {}

  /** Throws where nobody knows what such a machine costs: no budget could hold enough for it. */
  refuseUnpriced(provider: string, machineType: string): void {
    if (this.rates.isPriced(provider, machineType)) return;
    throw new PurserError('conflict', {
      message:
        `no VM is created: nobody knows what a ${machineType} of ${provider} costs. ` +
        'Give it a row in config/compute-prices.json, or name it as GCP_VM_TYPE with SPOT_VM_HOURLY_COST and REGULAR_VM_HOURLY_COST',
    });
  }

  /** Throws when the money is not there, or nobody can say whether it is. What may have been granted all the same is in the row. */
  async hold(row: VmRow): Promise<VmRow> {
    const amount = this.worstCase(row);
    let asking = row;
    for (let attempt = 1; ; attempt++) {
      const budgets = (await this.desk.budgets(tasksOf(row))).filter((budget) => counts(budget, row));
      const windows = amount === 0n ? [] : budgets.map(({ window }) => window.id).sort();
      if (windows.length > MOST_WINDOWS)
        throw new PurserError('conflict', { message: `a VM counts against more than ${MOST_WINDOWS} budgets` });
      const asked = { lease: 'asked', lease_asked_at: this.clock.now(), windows, held_nano: amount } as const;
      asking = known(await this.records.change(asking, asked));
      const grant = windows.length === 0 ? ({ ok: true } as const) : await this.desk.grant(row.name, windows, amount);
      if (grant.ok) return known(await this.records.change(asking, { lease: 'held', ...this.keptFromNow(row) }));
      if (grant.kind !== 'closed' || attempt === TRIES) throw refusal(grant, budgets, amount);
    }
  }

  /** However long its money took, its session's runner has as long from here as it asked for. */
  private keptFromNow({ kept_until: until, requested_at: asked }: VmRow): Pick<VmChange, 'kept_until'> {
    if (until === null) return {};
    return { kept_until: new Date(this.clock.now().getTime() + until.getTime() - asked.getTime()) };
  }

  /** How much it may send, which the worst case has in it; null where that costs nothing. */
  paidEgress(provider: string): bigint | null {
    return this.rates.egressBound(provider);
  }

  worstCase(row: Pick<VmRow, 'provider' | 'machine_type' | 'spot' | 'disk_gb'>): Nano {
    const { provider, machine_type: machineType, spot, disk_gb: diskGb } = row;
    return this.rates.worstCase({ provider, zone: undefined, machineType, spot, diskGb });
  }

  /** Of one that is gone, once all that it cost is told. To be called until the row says `returned`, which only `closing` does. */
  async giveBack(row: VmRow, closing: boolean): Promise<void> {
    const { created_at: createdAt, billed_until: billed, gone_at: gone } = row;
    if (createdAt !== null && (billed?.getTime() ?? 0) < (gone?.getTime() ?? 0)) return;
    const late = this.clock.now().getTime() - (row.lease_asked_at?.getTime() ?? 0) > LATE_GRANT_MS;
    if (row.windows.length > 0)
      await this.desk.giveBack(row.name, row.windows, maxNano(0n, row.held_nano - row.cost_nano));
    if (!closing) return;
    if (row.lease === 'held' || late || row.windows.length === 0) await this.records.change(row, { lease: 'returned' });
  }
}

function known(row: VmRow | undefined): VmRow {
  if (row) return row;
  // Another request may be luckier.
  throw new PurserError('unavailable', { message: 'the VM was given up while its money was asked for' });
}

function refusal(
  { kind, windowId }: { kind: string; windowId: string },
  budgets: readonly BudgetStatus[],
  amount: Nano,
): PurserError {
  const budget = budgets.find(({ window }) => window.id === windowId)?.id ?? windowId;
  const details = { budget, amountUsd: formatUsd(amount) };
  const what = `the ${details.amountUsd} USD that a VM may cost in its life`;
  if (kind === 'exhausted')
    return new PurserError('budget_exhausted', { message: `budget ${budget} does not cover ${what}`, details });
  return new PurserError('budget_held', { message: `budget ${budget} has ${what} only if others give back`, details });
}
