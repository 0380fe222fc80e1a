import type { Usage } from '@purser/plugin-sdk';

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

const fields = (value: unknown): Record<string, unknown> | undefined =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;

/** Fast inference has prices of its own, whatever the tier. */
function tierOf({ speed, service_tier: tier }: Record<string, unknown>): string | undefined {
  if (speed === 'fast') return 'fast';
  return typeof tier === 'string' && tier !== 'standard' ? tier : undefined;
}

/** Anthropic's `usage`, which tells cached and written input tokens beside the others. */
export function readUsage(value: unknown): Usage | undefined {
  const usage = fields(value);
  const input = count(usage?.input_tokens);
  const outputTokens = count(usage?.output_tokens);
  if (!usage || input === undefined || outputTokens === undefined) return undefined;
  const cachedTokens = count(usage.cache_read_input_tokens) ?? 0;
  const written = count(usage.cache_creation_input_tokens) ?? 0;
  const long = Math.min(count(fields(usage.cache_creation)?.ephemeral_1h_input_tokens) ?? 0, written);
  const thinking = count(fields(usage.output_tokens_details)?.thinking_tokens);
  const serviceTier = tierOf(usage);
  return {
    inputTokens: input + cachedTokens + written,
    outputTokens,
    cachedTokens,
    ...(written > long ? { cacheWriteTokens: written - long } : {}),
    ...(long > 0 ? { cacheWriteLongTokens: long } : {}),
    ...(thinking === undefined ? {} : { reasoningTokens: Math.min(thinking, outputTokens) }),
    ...(serviceTier === undefined ? {} : { serviceTier }),
  };
}

/** The end of a stream repeats some counts of its start, the rest holds on; null says nothing. */
export function laterUsage(start: unknown, end: unknown): unknown {
  const told = Object.entries(fields(end) ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return fields(start) || told.length > 0 ? { ...fields(start), ...Object.fromEntries(told) } : undefined;
}

/** As OpenAI tells it. */
export const openAiUsage = ({ inputTokens, outputTokens, cachedTokens, reasoningTokens }: Usage) => ({
  prompt_tokens: inputTokens,
  completion_tokens: outputTokens,
  total_tokens: inputTokens + outputTokens,
  prompt_tokens_details: { cached_tokens: cachedTokens },
  ...(reasoningTokens === undefined ? {} : { completion_tokens_details: { reasoning_tokens: reasoningTokens } }),
});
