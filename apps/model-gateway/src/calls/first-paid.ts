import type { Spend } from '@purser/contracts';
import { cost, formatUsd, isPossible, type Nano } from '@purser/money';
import type { Attempt } from './meter.js';
import type { Ending } from './settlement-rules.js';

/**
 * What the first paid tier of the asked capability's ladder would have charged for what was answered: by its price of this
 * moment, for the same counts. Nothing where that is not known, or where its price does not go by what was counted.
 */
export function firstPaid({ tier, held, terms }: Attempt, ending: Ending, amount: Nano): Pick<Spend, 'firstPaidUsd'> {
  const price = tier.firstPaid;
  if (held.capability === null || !price || ending.how !== 'answered') return {};
  if (terms.price === price) return { firstPaidUsd: formatUsd(amount) };
  if (!ending.usage || !isPossible(ending.usage)) return {};
  // A provider's own service tiers mean nothing to another one.
  const would = cost(price, { ...ending.usage, serviceTier: undefined });
  return would === 0n ? {} : { firstPaidUsd: formatUsd(would) };
}
