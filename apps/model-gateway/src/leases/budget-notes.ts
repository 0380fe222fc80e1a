import { Injectable } from '@nestjs/common';
import { formatUsd, minNano } from '@purser/money';
import { Log } from '@purser/service';
import { type MatchedWindow, wholeLimit } from './matched-window.js';
import { LeaseClient } from './lease-client.js';

const MAX_WARNED = 10_000;

/** Tells with each answer how the budgets of the call stand, as far as this gateway knows, and warns once of each that is nearly used up. */
@Injectable()
export class BudgetNotes {
  private readonly warned = new Set<string>();

  constructor(
    private readonly leases: LeaseClient,
    private readonly log: Log,
  ) {}

  headers(windows: readonly MatchedWindow[]): Record<string, string> {
    const [first, ...others] = windows;
    if (!first) return {};
    const { spending } = this.leases;
    const left = others.map((window) => spending.leftOf(window)).reduce(minNano, spending.leftOf(first));
    const critical = windows.filter((window) => this.isCritical(window));
    return {
      'x-purser-budget-remaining-usd': formatUsd(left),
      ...(critical.length === 0
        ? {}
        : { 'x-purser-budget-warning': critical.map((window) => this.describe(window)).join(', ') }),
    };
  }

  private describe(window: MatchedWindow): string {
    const limit = wholeLimit(window);
    const percent = limit > 0n ? (this.leases.spending.spentOf(window) * 100n) / limit : 100n;
    return `${window.budgetId} ${percent}%`;
  }

  private isCritical(window: MatchedWindow): boolean {
    const spent = this.leases.spending.spentOf(window);
    if (spent < window.critical || wholeLimit(window) === 0n) {
      this.warned.delete(window.id);
      return false;
    }
    if (!this.warned.has(window.id)) {
      if (this.warned.size >= MAX_WARNED) this.warned.clear();
      this.warned.add(window.id);
      this.log.warn(
        {
          budgetId: window.budgetId,
          windowId: window.id,
          spentUsd: formatUsd(spent),
          limitUsd: formatUsd(wholeLimit(window)),
        },
        'a budget is nearly used up',
      );
    }
    return true;
  }
}
