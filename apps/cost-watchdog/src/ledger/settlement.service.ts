import { Injectable } from '@nestjs/common';
import type { Sql } from '@purser/database';
import { type Nano, parseUsd } from '@purser/money';
import { Clock } from '@purser/service';
import { type Consumption, LeasesRepository } from '../leases/leases.repository.js';
import { type Touched, WindowChanges } from '../windows/window-changes.js';
import { WindowsRepository } from '../windows/windows.repository.js';
import { WindowsService } from '../windows/windows.service.js';
import { type ChargeRow, EntriesRepository, type NewEntry } from './entries.repository.js';

/** Spend needs windows that do not exist yet. They are opened under another lock, so the settlement starts again. */
class WindowsMissing extends Error {
  constructor(readonly moments: { budgetId: string; at: Date }[]) {
    super('windows have to be opened first');
  }
}

const TRIES = 3;

/** Writes spend into the ledger and settles it in every window it counts in: once per attempt, in one transaction. */
@Injectable()
export class SettlementService {
  constructor(
    private readonly changes: WindowChanges,
    private readonly entries: EntriesRepository,
    private readonly leases: LeasesRepository,
    private readonly windows: WindowsRepository,
    private readonly rollover: WindowsService,
    private readonly clock: Clock,
  ) {}

  /** Gives back those that were new. */
  settle<Entry extends NewEntry>(spends: readonly Entry[]): Promise<Entry[]> {
    return this.settleMade(() => Promise.resolve(spends));
  }

  /** For entries that depend on, or go with, what else is written: made in the transaction, anew when it starts again. */
  settleMade<Entry extends NewEntry>(make: (tx: Sql) => Promise<readonly Entry[]>): Promise<Entry[]> {
    return this.commit((tx, touched) => this.settleOnce(tx, touched, make));
  }

  /** Whatever appends entries and charges them. It may be done from the start again. */
  async commit<T>(work: (tx: Sql, touched: Touched) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.changes.commit(work);
      } catch (error) {
        if (!(error instanceof WindowsMissing) || attempt === TRIES) throw error;
        await this.rollover.openAt(error.moments);
      }
    }
  }

  /** Adds these entries to every window that they count in. Within a transaction that holds the lock for shaping. */
  async charge(tx: Sql, touched: Touched, seqs: readonly bigint[], now: Date): Promise<void> {
    const { due, taken } = totals(await this.entries.charges(tx, seqs));
    touched.add(...due.keys());
    await this.windows.lockRows(tx, [...due.keys()]);
    await this.leases.settle(tx, due, taken, now);
  }

  private async settleOnce<Entry extends NewEntry>(
    tx: Sql,
    touched: Touched,
    make: (tx: Sql) => Promise<readonly Entry[]>,
  ): Promise<Entry[]> {
    const now = this.clock.now();
    await this.windows.lockShaping(tx);
    const spends = await make(tx);
    const added = await this.entries.append(tx, spends, now);
    const paid = spends.some((spend) => added.has(spend.attemptId) && parseUsd(spend.amountUsd) !== 0n);
    if (paid) await this.charge(tx, touched, [...added.values()], now);
    const fresh = new Set(added.keys());
    return spends.filter((spend) => fresh.delete(spend.attemptId));
  }
}

/** Per window what is charged, per lease what is taken. */
function totals(charges: readonly ChargeRow[]): { due: Map<bigint, Nano>; taken: Consumption[] } {
  const due = new Map<bigint, Nano>();
  const taken: Consumption[] = [];
  const missing: { budgetId: string; at: Date }[] = [];
  for (const { window_id: windowId, budget_id, moment, gateway, charged, taken: nano } of charges) {
    if (windowId === null) {
      missing.push({ budgetId: budget_id ?? '', at: moment ?? new Date(0) });
      continue;
    }
    due.set(windowId, (due.get(windowId) ?? 0n) + charged);
    if (nano !== 0n) taken.push({ gateway, windowId, nano });
  }
  if (missing.length > 0) throw new WindowsMissing(missing);
  return { due, taken };
}
