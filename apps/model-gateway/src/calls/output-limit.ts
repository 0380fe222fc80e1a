import type { Tier } from '../models/ladders.js';

/** Least room for an answer when the caller gives no limit; models that think in hidden tokens need more. */
const FLOOR = 1_024;
const REASONING_FLOOR = 8_192;
/** A free model of which no maximum is known. */
const FREE_LIMIT = 16_384;
const TIMES_USUAL = 4;

export interface OutputLimits {
  most: number;
  /** Below this the tier is of no use to the call. */
  least: number;
  setByUs: boolean;
}

/**
 * Output tokens that one choice may have. The caller's figure stands when there is one, up to the model's maximum. Else: the model's maximum, but
 * no more than four times what 99 of 100 such answers needed, at least a floor: a hold is taken for all of it, and holds
 * that are loose starve small budgets.
 */
export function outputLimits(tier: Tier, asked: number | undefined, usual: number | undefined): OutputLimits {
  if (asked !== undefined) {
    const most = Math.min(asked, tier.maxOutputTokens ?? Infinity);
    return { most, least: most, setByUs: most < asked };
  }
  const maximum = tier.maxOutputTokens ?? (tier.free ? FREE_LIMIT : Infinity);
  const floor = Math.min(maximum, tier.reasoning ? REASONING_FLOOR : FLOOR);
  const most = tier.free ? maximum : Math.min(maximum, Math.max(floor, TIMES_USUAL * (usual ?? 0)));
  return { most, least: floor, setByUs: true };
}
