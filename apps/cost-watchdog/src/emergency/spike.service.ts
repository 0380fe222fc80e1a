import { Inject, Injectable } from '@nestjs/common';
import type { Latch } from '@purser/contracts';
import { formatUsd, maxNano, parseUsd, sumNano } from '@purser/money';
import { Clock, Log } from '@purser/service';
import type { NewAlert } from '../alerts/alerts.service.js';
import { type BudgetsFile, BUDGETS_FILE, type SpikeRule } from '../budgets/budgets-file.js';
import { EmergencyService } from './emergency.service.js';
import { LatchStores } from './latch-stores.js';
import { SpikeRepository } from './spike.repository.js';

const MINUTE = 60_000;
/** An hour more than the longest window of a rule. */
const KEPT_MINUTES = 25 * 60;

/**
 * More than a part of the month's total budget within a short time is an emergency. The rule looks at the last minutes
 * of the ledger whatever the calendar says, so the turn of a month neither hides a spike nor makes one. After a reset
 * it counts only what is spent since: the person who cleared the latch has seen the rest.
 */
@Injectable()
export class SpikeService {
  private checking: Promise<void> | undefined;
  private active: boolean | undefined;

  constructor(
    private readonly spend: SpikeRepository,
    private readonly emergency: EmergencyService,
    private readonly latch: LatchStores,
    @Inject(BUDGETS_FILE) private readonly file: BudgetsFile,
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
    await this.spend.forgetMinutes(new Date(this.clock.now().getTime() - KEPT_MINUTES * MINUTE));
  }

  private async checkNow(): Promise<void> {
    const widest = Math.max(0, ...this.file.spikeRules.map((rule) => rule.windowMinutes));
    const base = await this.spend.base(new Date(this.clock.now().getTime() - widest * MINUTE));
    this.tellWhether(base !== undefined);
    if (!base?.spending) return;
    const latch = await this.latch.confirmed();
    if (latch.active) return;
    for (const rule of this.file.spikeRules) if (await this.apply(rule, base, latch)) return;
  }

  private async apply(rule: SpikeRule, base: { id: string; nano: bigint }, latch: Latch): Promise<boolean> {
    const from = this.clock.now().getTime() - rule.windowMinutes * MINUTE;
    const since = new Date(latch.serial === 0 ? from : Math.max(from, Date.parse(latch.at)));
    const rows = await this.spend.spentSince(since);
    const spent = sumNano(rows.map((row) => row.nano));
    const part = (base.nano * BigInt(Math.round(rule.percent * 1e6))) / 100_000_000n;
    if (spent <= part || spent < maxNano(1n, parseUsd(rule.minUsd))) return false;
    const figures =
      `$${formatUsd(spent)} since ${since.toISOString()}, more than ${rule.percent} % of the $${formatUsd(base.nano)}` +
      ` of ${base.id} within ${rule.windowMinutes} minutes`;
    const evidence: NewAlert = {
      severity: 'critical',
      kind: 'spike',
      title: `Spending spike: ${figures}`,
      details: {
        rule,
        budgetId: base.id,
        budgetUsd: formatUsd(base.nano),
        spentUsd: formatUsd(spent),
        allowedUsd: formatUsd(part),
        since: since.toISOString(),
        byModel: rows.slice(0, 20).map(({ provider, model, nano, requests }) => ({
          provider,
          model,
          spentUsd: formatUsd(nano),
          requests: Number(requests),
        })),
      },
    };
    await this.emergency.trigger({ by: 'spike rule', reason: figures }, evidence);
    return true;
  }

  private tellWhether(active: boolean): void {
    if (this.active === active) return;
    this.active = active;
    if (active) this.log.info({ rules: this.file.spikeRules }, 'spike rules are active');
    else this.log.warn({}, 'spike rules are inactive: there is no monthly budget over everything to measure against');
  }
}
