import type { Usage } from '@purser/plugin-sdk';

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

const textBytes = (value: unknown): number => (typeof value === 'string' ? Buffer.byteLength(value) : 0);

export interface Written {
  text?: unknown;
  thinking?: unknown;
  partial_json?: unknown;
  input?: unknown;
}

/** Bytes of model output in a block, or in a piece of one. */
export function outputBytes(written: Written | null | undefined): number {
  if (!written) return 0;
  const { text, thinking, partial_json: json, input } = written;
  const used = input === undefined ? 0 : textBytes(JSON.stringify(input));
  return textBytes(text) + textBytes(thinking) + textBytes(json) + used;
}

/**
 * Anthropic's `usage`. It tells what was read from the cache and written to it beside `input_tokens`; here they are parts
 * of the input.
 */
export function readUsage(value: unknown): Usage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const usage = value as Record<string, unknown>;
  const fresh = count(usage.input_tokens);
  const outputTokens = count(usage.output_tokens);
  if (fresh === undefined || outputTokens === undefined) return undefined;
  const cachedTokens = count(usage.cache_read_input_tokens) ?? 0;
  const written = count(usage.cache_creation_input_tokens) ?? 0;
  const byTime = (usage.cache_creation ?? {}) as { ephemeral_1h_input_tokens?: unknown };
  const long = Math.min(count(byTime.ephemeral_1h_input_tokens) ?? 0, written);
  const details = (usage.output_tokens_details ?? {}) as { thinking_tokens?: unknown };
  const thought = Math.min(count(details.thinking_tokens) ?? 0, outputTokens);
  return {
    inputTokens: fresh + cachedTokens + written,
    outputTokens,
    cachedTokens,
    ...(written > long ? { cacheWriteTokens: written - long } : {}),
    ...(long > 0 ? { cacheWriteLongTokens: long } : {}),
    ...(thought > 0 ? { reasoningTokens: thought } : {}),
    ...serviceTier(usage),
  };
}

function serviceTier({ service_tier: tier, speed }: Record<string, unknown>): { serviceTier?: string } {
  if (speed === 'fast') return { serviceTier: 'fast' };
  return typeof tier === 'string' && tier !== 'standard' ? { serviceTier: tier } : {};
}

/** The same for a client of the protocol. Nothing is counted as zero: its clients expect numbers. */
export function writeUsage(usage: Usage | undefined): Record<string, unknown> {
  const { inputTokens = 0, outputTokens = 0, cachedTokens = 0 } = usage ?? {};
  const { cacheWriteTokens = 0, cacheWriteLongTokens = 0, reasoningTokens = 0 } = usage ?? {};
  return {
    input_tokens: Math.max(0, inputTokens - cachedTokens - cacheWriteTokens - cacheWriteLongTokens),
    cache_creation_input_tokens: cacheWriteTokens + cacheWriteLongTokens,
    cache_read_input_tokens: cachedTokens,
    output_tokens: outputTokens,
    output_tokens_details: { thinking_tokens: reasoningTokens },
    server_tool_use: null,
  };
}
