import { Injectable } from '@nestjs/common';
import type { Latch, SpikeRule } from '@purser/contracts';
import { sumNano } from '@purser/money';
import { Clock } from '@purser/service';
import { ReportedSpikes } from './reported-spikes.service.js';
import type { Spike } from './spike-actions.service.js';
import { allowed, isOfMonth, isSpike, lookedAt, MONTH, monthOf, type SpikeBase } from './spike-rule.js';
import { SpikeRepository } from './spike.repository.js';

const MINUTE = 60_000;
/** An hour more than the longest window of a rule. */
const KEPT = 25 * 60 * MINUTE;

const isOnBooks = (rule: SpikeRule): rule is SpikeRule & { source: string } => rule.source !== undefined;

/** Whether there is more in the ledger, or in what books told, than a rule allows. */
@Injectable()
export class SpikeFinder {
  constructor(
    private readonly spend: SpikeRepository,
    private readonly reported: ReportedSpikes,
    private readonly clock: Clock,
  ) {}

  budget(): Promise<SpikeBase['budget']> {
    return this.spend.budget();
  }

  /** While nothing is spent there is nothing to judge; books tell of what was spent before. */
  async worthALook(rules: readonly SpikeRule[]): Promise<readonly SpikeRule[]> {
    const metered = rules.filter((rule) => !isOnBooks(rule));
    const widest = Math.max(0, ...metered.map((rule) => rule.windowMinutes));
    const since = new Date(this.clock.now().getTime() - widest * MINUTE);
    if (metered.length === 0 || (await this.spend.isSpending(since))) return rules;
    return rules.filter(isOnBooks);
  }

  async find(rule: SpikeRule, budget: SpikeBase['budget'], latch: Latch): Promise<Spike | undefined> {
    const now = this.clock.now();
    const resetAt = latch.serial === 0 ? undefined : new Date(latch.at);
    if (isOnBooks(rule)) return this.reported.find(rule, budget, resetAt);
    const { since, until } = lookedAt(rule, now, resetAt);
    const before = new Date(now.getTime() - rule.windowMinutes * MINUTE);
    const monthAgo = new Date(before.getTime() - MONTH);
    const month = isOfMonth(rule)
      ? monthOf(await this.spend.spentBetween(monthAgo, before, rule.provider), before)
      : 0n;
    const allowance = allowed(rule, { budget, month });
    if (!allowance) return undefined;
    const rows = await this.spend.spent(since, until, rule.provider);
    const spent = sumNano(rows.map((row) => row.nano));
    return isSpike(rule, spent, allowance.nano) ? { since, rows, spent, allowance } : undefined;
  }

  /** What no rule looks back to. */
  async forget(): Promise<void> {
    await this.spend.forgetMinutes(new Date(this.clock.now().getTime() - KEPT));
    await this.reported.forget();
  }
}
