import type { Spend } from '@purser/contracts';
import { minNano, type Nano, parseUsd } from '@purser/money';
import { DamagedJournal, type HeldCall, type JournalRecord } from './records.js';

export interface WindowTotals {
  returned: Nano;
  consumed: Nano;
}

/** What a journal's lines add up to. */
export class JournalState {
  gateway: string | undefined;
  /** The run of the machine in which the lines were written, if it could be told. */
  boot: string | undefined;
  /** Whether nothing follows a graceful stop. */
  closed = false;
  /** Calls in flight. */
  readonly open = new Map<string, HeldCall>();
  /** Settlements that the bus has not confirmed. */
  readonly unsent = new Map<string, Spend>();
  readonly totals = new Map<string, WindowTotals>();

  apply(record: JournalRecord): void {
    this.closed = record.t === 'closed';
    switch (record.t) {
      case 'gateway':
        this.gateway = record.id;
        this.boot = record.boot;
        break;
      case 'totals':
        for (const [windowId, [returned, consumed]] of Object.entries(record.windows))
          this.totals.set(windowId, { returned: BigInt(returned), consumed: BigInt(consumed) });
        break;
      case 'hold':
        this.open.set(record.call.attemptId, record.call);
        break;
      case 'end': {
        const { t: _, ...outcome } = record;
        const call = this.open.get(record.attemptId);
        if (!call) throw new DamagedJournal(`the hold of ${record.attemptId}, which ended, is missing`);
        this.settle({ ...call, ...outcome });
        break;
      }
      case 'settle':
        this.settle(record.spend);
        break;
      case 'return':
        this.total(record.window).returned = BigInt(record.total);
        break;
    }
  }

  /** Goes on under another name: what is open and unsent stays the old one's, and so do its leases. */
  renameTo(gateway: string): void {
    this.gateway = gateway;
    this.totals.clear();
  }

  /** The lines that bring another state to where this one is. */
  records(): JournalRecord[] {
    const windows = Object.fromEntries(
      [...this.totals].map(([id, { returned, consumed }]) => [id, [`${returned}`, `${consumed}`] as [string, string]]),
    );
    return [
      { t: 'gateway', id: this.gateway ?? '', ...(this.boot === undefined ? {} : { boot: this.boot }), version: 1 },
      // Settlements come first: the totals that follow already contain them.
      ...[...this.unsent.values()].map((spend) => ({ t: 'settle' as const, spend })),
      { t: 'totals', windows },
      ...[...this.open.values()].map((call) => ({ t: 'hold' as const, call })),
    ];
  }

  /** `consumed`: of the hold; as its amounts say, unless whoever tells knows it. */
  settle(spend: Spend, consumed = consumedOf(spend)): void {
    this.closed = false;
    this.unsent.set(spend.attemptId, spend);
    this.open.delete(spend.attemptId);
    // A settlement of an earlier name: another lease's money.
    if (spend.gateway !== this.gateway) return;
    for (const windowId of spend.windows) this.total(windowId).consumed += consumed;
  }

  private total(windowId: string): WindowTotals {
    let total = this.totals.get(windowId);
    if (!total) {
      total = { returned: 0n, consumed: 0n };
      this.totals.set(windowId, total);
    }
    return total;
  }
}

const consumedOf = ({ amountUsd, holdUsd }: Spend): Nano => minNano(parseUsd(amountUsd), parseUsd(holdUsd));
