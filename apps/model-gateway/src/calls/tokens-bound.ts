import type { Tier } from '../models/ladders.js';
import type { ModelCall } from './model-call.js';
import { outputLimits } from './output-limit.js';

/**
 * The most tokens that a call may take on any tier, input and output. A caller that gives no output limit is not refused
 * because the gateway's own is larger than a minute of its key: it then counts a whole minute, and what it takes beyond
 * that is charged when it is over.
 */
export function tokensBound(
  call: Pick<ModelCall, 'outputAtMost' | 'choices' | 'maxOutputTokens' | 'bounds'>,
  tiers: readonly Tier[],
  usual: (tier: Tier) => number | undefined,
  tokensPerMinute: number,
): number {
  const { outputAtMost, choices, maxOutputTokens, bounds } = call;
  const { inputTokens } = bounds;
  if (maxOutputTokens !== undefined) return inputTokens + maxOutputTokens * choices;
  const most = outputAtMost ?? Math.max(...tiers.map((tier) => outputLimits(tier, undefined, usual(tier)).most));
  return Math.max(inputTokens, Math.min(inputTokens + most * choices, tokensPerMinute));
}
