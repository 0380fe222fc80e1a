import { cost, type Nano } from '@purser/money';
import type { MatchedWindow } from '../leases/matched-window.js';
import type { Tier } from '../models/ladders.js';
import type { Strategy } from '../models/strategies.js';
import type { ModelCall } from './model-call.js';

/** For estimates: the bound of the input counts bytes. */
const BYTES_PER_TOKEN = 4;
/** Output tokens where nothing was learned yet. */
const UNKNOWN_OUTPUT = 1_024;

/** What a call will cost at a tier, more or less; undefined when it has no price. */
export function expectedCost(tier: Tier, call: ModelCall, usual: number | undefined): Nano | undefined {
  if (tier.free) return 0n;
  if (!tier.price) return undefined;
  const { inputTokens, audioSeconds, images } = call.bounds;
  const perChoice = call.outputAtMost ?? Math.min(call.maxOutputTokens ?? Infinity, usual ?? UNKNOWN_OUTPUT);
  return cost(tier.price, {
    inputTokens: Math.ceil(inputTokens / BYTES_PER_TOKEN),
    outputTokens: perChoice * call.choices,
    cachedTokens: 0,
    audioSeconds,
    images,
  });
}

/** The tiers in the order in which they are asked. The sort is stable: of two that cost the same, the better one comes first. */
export function inOrder(
  tiers: readonly Tier[],
  strategy: Strategy,
  expected: (tier: Tier) => Nano | undefined,
): readonly Tier[] {
  if (strategy !== 'cheapest') return tiers;
  const priced = tiers.map((tier) => ({ tier, nano: expected(tier) }));
  // Those without a price are never called; at the end they only tell why.
  return priced
    .sort((a, b) =>
      a.nano === b.nano ? 0 : a.nano === undefined ? 1 : b.nano === undefined ? -1 : a.nano < b.nano ? -1 : 1,
    )
    .map(({ tier }) => tier);
}

/** A window may be so far ahead of an even spending. */
const HEAD_START = 0.05;

/** How long a window has to rest until no more of it is spent than of its time is over; undefined when it may be used, or never ends. */
export function aheadFor(
  { startsAt, endsAt, limit }: Pick<MatchedWindow, 'startsAt' | 'endsAt' | 'limit'>,
  spent: Nano,
  now: number,
): number | undefined {
  const length = endsAt - startsAt;
  if (!Number.isFinite(length) || length <= 0 || limit <= 0n) return undefined;
  const due = (Number((spent * 1_000_000n) / limit) / 1_000_000 - HEAD_START) * length + startsAt;
  return due > now ? Math.ceil(due - now) : undefined;
}
