import { Injectable } from '@nestjs/common';
import type { SpikeRule } from '@purser/contracts';
import { Clock, Log } from '@purser/service';
import { LatchStores } from './latch-stores.js';
import { nameOf, SpikeActions } from './spike-actions.service.js';
import { SpikeFinder } from './spike-finder.service.js';
import { isOfMonth } from './spike-rule.js';
import { SpikeRules } from './spike-rules.service.js';

/** Books change some times a day. */
const BOOKS_EVERY_SECONDS = 180;
/** Books that are to be looked at more often than this are never left alone. */
const QUIET_BOOKS_SECONDS = 60;

/**
 * More than a part of the month's money within a short time is an emergency, or a reason to tell people. The rules look at
 * the last minutes of the ledger whatever the calendar says, so the turn of a month neither hides a spike nor makes one.
 * After a reset they count only what is spent since: the person who cleared the latch has seen the rest.
 */
@Injectable()
export class SpikeService {
  private checking: Promise<void> | undefined;
  private active: boolean | undefined;
  private foundNothing = false;
  private readonly lookedLast = new Map<string, number>();

  constructor(
    private readonly finder: SpikeFinder,
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

  /** Whether the last look found that nothing was spent within the time that any rule looks at. */
  get isQuiet(): boolean {
    return this.foundNothing;
  }

  forget(): Promise<void> {
    return this.finder.forget();
  }

  private async checkNow(): Promise<void> {
    this.foundNothing = false;
    const [{ rules }, budget] = await Promise.all([this.rules.read(), this.finder.budget()]);
    this.tellWhether(rules, budget !== undefined);
    // Of all rules, also those that are not due: as long as nothing is spent that stays so.
    const spending = rules.length === 0 ? rules : await this.finder.worthALook(rules);
    const due = rules.filter((rule) => this.isDue(rule));
    const worth = spending.filter((rule) => due.includes(rule));
    if (worth.length > 0) {
      const latch = await this.latch.confirmed();
      if (latch.active) return;
      for (const rule of worth) {
        const spike = await this.finder.find(rule, budget, latch);
        // When the latch is set by it, nothing is left to judge.
        if (spike && (await this.act.on(rule, spike))) return;
      }
    }
    for (const rule of due) this.lookedLast.set(nameOf(rule), this.clock.monotonic());
    this.foundNothing = spending.every(
      (rule) => rule.source !== undefined && everySeconds(rule) >= QUIET_BOOKS_SECONDS,
    );
  }

  private isDue(rule: SpikeRule): boolean {
    const every = everySeconds(rule);
    const [last, now] = [this.lookedLast.get(nameOf(rule)), this.clock.monotonic()];
    return last === undefined || now < last || now - last >= every * 1_000;
  }

  private tellWhether(rules: readonly SpikeRule[], budget: boolean): void {
    const active = rules.length > 0 && (budget || rules.some(isOfMonth));
    if (this.active === active) return;
    this.active = active;
    if (active) this.log.info({ rules }, 'spike rules are active');
    else if (rules.length > 0)
      this.log.warn({}, 'spike rules are inactive: there is no monthly budget over everything to measure against');
  }
}

const everySeconds = ({ checkEverySeconds, source }: SpikeRule): number =>
  checkEverySeconds ?? (source === undefined ? 0 : BOOKS_EVERY_SECONDS);
