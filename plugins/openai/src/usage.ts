import type { Usage } from '@purser/plugin-sdk';

export const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

/**
 * OpenAI's `usage`. Output is what is billed as output: OpenAI counts reasoning within `completion_tokens`, xAI beside
 * it and only in `total_tokens`, so the larger reading holds.
 */
export function readUsage(value: unknown): Usage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const usage = value as Record<string, unknown>;
  const inputTokens = count(usage.prompt_tokens);
  const completion = count(usage.completion_tokens);
  if (inputTokens === undefined || completion === undefined) return undefined;
  const beyondInput = (count(usage.total_tokens) ?? 0) - inputTokens;
  const details = usage.prompt_tokens_details as { cached_tokens?: unknown } | null | undefined;
  return {
    inputTokens,
    outputTokens: Math.max(completion, beyondInput),
    cachedTokens: Math.min(count(details?.cached_tokens) ?? 0, inputTokens),
  };
}
