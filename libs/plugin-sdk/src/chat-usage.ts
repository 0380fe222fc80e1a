import type { Usage } from './usage.js';

/** A count as an answer tells it; undefined for anything that cannot be one. */
export const tokenCount = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

interface Details {
  cached_tokens?: unknown;
  cache_write_tokens?: unknown;
  audio_tokens?: unknown;
  reasoning_tokens?: unknown;
}

/**
 * The `usage` of a chat completion. Output is what is billed as output: OpenAI counts reasoning within
 * `completion_tokens`, xAI beside it and only in `total_tokens`, so the larger reading holds.
 */
export function readChatUsage(value: unknown, serviceTier?: unknown): Usage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const usage = value as Record<string, unknown>;
  const inputTokens = tokenCount(usage.prompt_tokens);
  const completion = tokenCount(usage.completion_tokens);
  if (inputTokens === undefined || completion === undefined) return undefined;
  const beyondInput = (tokenCount(usage.total_tokens) ?? 0) - inputTokens;
  const input = (usage.prompt_tokens_details ?? {}) as Details;
  const output = (usage.completion_tokens_details ?? {}) as Details;
  const outputTokens = Math.max(completion, beyondInput);
  return {
    inputTokens,
    outputTokens,
    cachedTokens: Math.min(tokenCount(input.cached_tokens) ?? 0, inputTokens),
    ...part('cacheWriteTokens', input.cache_write_tokens, inputTokens),
    ...part('audioInputTokens', input.audio_tokens, inputTokens),
    ...part('audioOutputTokens', output.audio_tokens, outputTokens),
    ...part('reasoningTokens', output.reasoning_tokens, outputTokens),
    ...(typeof serviceTier === 'string' && serviceTier !== 'default' && serviceTier !== 'auto' ? { serviceTier } : {}),
  };
}

const part = (name: keyof Usage, value: unknown, most: number): Partial<Usage> => {
  const tokens = tokenCount(value) ?? 0;
  return tokens === 0 ? {} : { [name]: Math.min(tokens, most) };
};
