import type { SpikeRule } from '@purser/contracts';
import { maxNano, type Nano, parseUsd } from '@purser/money';

/** What a rule's percent can be of. */
export interface SpikeBase {
  /** The smallest monthly budget over everything. */
  budget: { id: string; nano: Nano } | undefined;
  /** What thirty days like those before the window cost; nothing when too few are known. */
  month: Nano;
}

/** Books know nothing of budgets: what they report is measured against itself, as far as that is known. */
export const isOfMonth = (rule: SpikeRule): boolean =>
  rule.of === 'month' || (rule.of === undefined && rule.source !== undefined);

/** So much may be spent within the window, and what that is a part of; undefined where there is nothing to measure against. */
export function allowed(
  rule: SpikeRule,
  { budget, month }: SpikeBase,
): { nano: Nano; of: Nano; name: string } | undefined {
  const byMonth = isOfMonth(rule) && month > (budget?.nano ?? 0n);
  const of = byMonth ? month : budget?.nano;
  if (of === undefined) return undefined;
  const part = (of * BigInt(Math.round(rule.percent * 1e6))) / 100_000_000n;
  return { nano: part, of, name: byMonth ? 'the thirty days before' : (budget?.id ?? '') };
}

export const isSpike = (rule: SpikeRule, spent: Nano, allowance: Nano): boolean =>
  spent > allowance && spent >= maxNano(1n, parseUsd(rule.minUsd));

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
export const MONTH = 30 * DAY;
const FEWEST_DAYS = 7;

/** What thirty days cost at the rate since `first`; nothing when that is not a week ago: a first day would be all spikes. */
export function monthOf({ nano, first }: { nano: Nano; first: Date | undefined }, until: Date): Nano {
  const known = first === undefined ? 0 : until.getTime() - first.getTime();
  return known < FEWEST_DAYS * DAY ? 0n : (nano * BigInt(MONTH)) / BigInt(known);
}

/** Clocks of several machines differ by so much; what is later than that was counted before a clock was put back. */
const SKEW = 5 * MINUTE;

/** From when to when a rule looks: after a reset, only at what followed it. */
export function lookedAt(rule: SpikeRule, now: Date, resetAt: Date | undefined): { since: Date; until: Date } {
  const since = now.getTime() - rule.windowMinutes * MINUTE;
  // A reset that is to come was made before a clock was put back.
  const reset = resetAt === undefined ? since : Math.min(resetAt.getTime(), now.getTime());
  return {
    since: new Date(Math.max(since, reset)),
    until: new Date(now.getTime() + SKEW),
  };
}
