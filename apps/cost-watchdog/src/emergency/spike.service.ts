import { Injectable } from '@nestjs/common';
import type { Latch, SpikeRule } from '@purser/contracts';
import { sumNano } from '@purser/money';
import { Clock, Log } from '@purser/service';
import { LatchStores } from './latch-stores.js';
import { nameOf, SpikeActions } from './spike-actions.service.js';
import { allowed, isSpike, lookedAt, MONTH, monthOf, type SpikeBase } from './spike-rule.js';
import { SpikeRules } from './spike-rules.service.js';
import { SpikeRepository } from './spike.repository.js';

const MINUTE = 60_000;
/** An hour more than the longest window of a rule. */
const KEPT = 25 * 60 * MINUTE;

/**
 * More than a part of the month's money within a short time is an emergency, or a reason to tell people. The rules look at
 * the last minutes of the ledger whatever the calendar says, so the turn of a month neither hides a spike nor makes one.
 * After a reset they count only what is spent since: the person who cleared the latch has seen the rest.
 */
@Injectable()
export class SpikeService {
  private checking: Promise<void> | undefined;
  private active: boolean | undefined;
  private readonly lookedLast = new Map<string, number>();

  constructor(
    private readonly spend: SpikeRepository,
    private readonly rules: SpikeRules,
    private readonly act: SpikeActions,
    private readonly latch: LatchStores,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** After each settled batch and every few seconds; calls that come while one runs share it. */
  check(): Promise<void> {
    this.checking ??= this.checkNow().finally(() => (this.checking = undefined));
    return this.checking;
  }

  /** Of minutes that no rule looks back to. */
  async forget(): Promise<void> {
    await this.spend.forgetMinutes(new Date(this.clock.now().getTime() - KEPT));
  }

  private async checkNow(): Promise<void> {
    const [{ rules }, budget] = await Promise.all([this.rules.read(), this.spend.budget()]);
    this.tellWhether(rules, budget !== undefined);
    const due = rules.filter((rule) => this.isDue(rule));
    const widest = Math.max(0, ...due.map((rule) => rule.windowMinutes));
    if (due.length === 0 || !(await this.spend.isSpending(new Date(this.clock.now().getTime() - widest * MINUTE))))
      return;
    const latch = await this.latch.confirmed();
    if (latch.active) return;
    for (const rule of due) if (await this.apply(rule, budget, latch)) return;
  }

  private isDue(rule: SpikeRule): boolean {
    if (rule.checkEverySeconds === undefined) return true;
    const [name, now] = [nameOf(rule), this.clock.monotonic()];
    const last = this.lookedLast.get(name);
    if (last !== undefined && now >= last && now - last < rule.checkEverySeconds * 1_000) return false;
    this.lookedLast.set(name, now);
    return true;
  }

  /** True when it set the latch: then nothing is left to judge. */
  private async apply(rule: SpikeRule, budget: SpikeBase['budget'], latch: Latch): Promise<boolean> {
    const now = this.clock.now();
    const { since, until } = lookedAt(rule, now, latch.serial === 0 ? undefined : new Date(latch.at));
    const before = new Date(now.getTime() - rule.windowMinutes * MINUTE);
    const monthAgo = new Date(before.getTime() - MONTH);
    const month =
      rule.of === 'month' ? monthOf(await this.spend.spentBetween(monthAgo, before, rule.provider), before) : 0n;
    const allowance = allowed(rule, { budget, month });
    if (!allowance) return false;
    const rows = await this.spend.spent(since, until, rule.provider);
    const spent = sumNano(rows.map((row) => row.nano));
    if (!isSpike(rule, spent, allowance.nano)) return false;
    return this.act.on(rule, { since, rows, spent, allowance });
  }

  private tellWhether(rules: readonly SpikeRule[], budget: boolean): void {
    const active = rules.length > 0 && (budget || rules.some((rule) => rule.of === 'month'));
    if (this.active === active) return;
    this.active = active;
    if (active) this.log.info({ rules }, 'spike rules are active');
    else if (rules.length > 0)
      this.log.warn({}, 'spike rules are inactive: there is no monthly budget over everything to measure against');
  }
}
