import type { Usage } from '@purser/plugin-sdk';

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

/** OpenAI's `usage`, as the router and the text generation servers give it. The larger reading of the output holds. */
export function readUsage(value: unknown): Usage | undefined {
  const usage = (value ?? {}) as Record<string, unknown>;
  const inputTokens = count(usage.prompt_tokens);
  const completion = count(usage.completion_tokens);
  if (inputTokens === undefined || completion === undefined) return undefined;
  const beyondInput = (count(usage.total_tokens) ?? 0) - inputTokens;
  const input = usage.prompt_tokens_details as { cached_tokens?: unknown } | null | undefined;
  const output = usage.completion_tokens_details as { reasoning_tokens?: unknown } | null | undefined;
  const outputTokens = Math.max(completion, beyondInput);
  const reasoningTokens = Math.min(count(output?.reasoning_tokens) ?? 0, outputTokens);
  return {
    inputTokens,
    outputTokens,
    cachedTokens: Math.min(count(input?.cached_tokens) ?? 0, inputTokens),
    ...(reasoningTokens > 0 ? { reasoningTokens } : {}),
  };
}

/** text-embeddings-inference tells its tokens in a header, where it is what answers. */
export function embeddedTokens(headers: Headers | undefined): number | undefined {
  const told = headers?.get('x-compute-tokens') ?? '';
  return /^\d+$/.test(told) ? count(Number(told)) : undefined;
}
