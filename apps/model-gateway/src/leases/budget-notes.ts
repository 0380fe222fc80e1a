import { Injectable } from '@nestjs/common';
import { formatUsd, maxNano, minNano, type Nano } from '@purser/money';
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
    let left: Nano | undefined;
    const critical: MatchedWindow[] = [];
    for (const window of windows) {
      const spent = this.leases.spending.spentOf(window);
      const ofThis = maxNano(0n, window.limit - spent);
      left = left === undefined ? ofThis : minNano(left, ofThis);
      if (this.isCritical(window, spent)) critical.push(window);
    }
    if (left === undefined) return {};
    const headers: Record<string, string> = { 'x-purser-budget-remaining-usd': formatUsd(left) };
    if (critical.length > 0)
      headers['x-purser-budget-warning'] = critical.map((window) => this.describe(window)).join(', ');
    return headers;
  }

  private describe(window: MatchedWindow): string {
    const limit = wholeLimit(window);
    const percent = limit > 0n ? (this.leases.spending.spentOf(window) * 100n) / limit : 100n;
    return `${window.budgetId} ${percent}%`;
  }

  private isCritical(window: MatchedWindow, spent: Nano): boolean {
    if (spent < window.critical || wholeLimit(window) === 0n) {
      if (this.warned.size > 0) this.warned.delete(window.id);
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
