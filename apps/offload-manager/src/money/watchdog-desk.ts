import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { budgetsList, type BudgetStatus, leasesGrant, leasesReturn } from '@purser/contracts';
import { formatUsd, type Nano } from '@purser/money';

const TIMEOUT_MS = 3_000;

export type Grant = { ok: true } | { ok: false; kind: 'exhausted' | 'held' | 'closed' | 'released'; windowId: string };

/** The lease protocol as far as VMs need it: each is a gateway of its own, with one lease in each window, for all of its life. */
@Injectable()
export class WatchdogDesk {
  constructor(private readonly bus: Bus) {}

  /** All that are not a task's, and those of these tasks. */
  async budgets(tasks: readonly string[] = []): Promise<BudgetStatus[]> {
    const asked = [{ only: 'general' as const }, ...tasks.map((task) => ({ task }))];
    const lists = asked.map((request) => this.bus.call(budgetsList, request, { timeoutMs: TIMEOUT_MS }));
    return (await Promise.all(lists)).flatMap(({ budgets }) => budgets);
  }

  /** All of these windows or none. Asked again with the same name it is granted once. */
  async grant(gateway: string, windowIds: readonly string[], amount: Nano): Promise<Grant> {
    const usd = formatUsd(amount);
    const windows = windowIds.map((windowId) => ({ windowId, grantedUsd: '0.00', needUsd: usd, wantUsd: usd }));
    const { granted, refusal } = await this.bus.call(leasesGrant, { gateway, windows }, { timeoutMs: TIMEOUT_MS });
    if (granted) return { ok: true };
    return { ok: false, kind: refusal?.kind ?? 'held', windowId: refusal?.windowId ?? '' };
  }

  async giveBack(gateway: string, windowIds: readonly string[], amount: Nano): Promise<void> {
    const returnedUsd = formatUsd(amount);
    const windows = windowIds.map((windowId) => ({ windowId, returnedUsd }));
    await this.bus.call(leasesReturn, { gateway, windows }, { timeoutMs: TIMEOUT_MS });
  }
}
