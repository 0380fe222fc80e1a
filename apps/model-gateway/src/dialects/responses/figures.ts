import { readChatUsage, type Usage } from '@purser/plugin-sdk';

const textBytes = (value: unknown): number => (typeof value === 'string' ? Buffer.byteLength(value) : 0);

export interface OutputItem {
  type?: unknown;
  name?: unknown;
  arguments?: unknown;
  input?: unknown;
  content?: unknown;
  summary?: unknown;
}

const partBytes = (parts: unknown): number =>
  (Array.isArray(parts) ? (parts as ({ text?: unknown; refusal?: unknown } | null)[]) : []).reduce(
    (sum, part) => sum + textBytes(part?.text) + textBytes(part?.refusal),
    0,
  );

/** Bytes of the model's text in one item of its output; encrypted reasoning is none. */
const itemBytes = (item: OutputItem | null): number =>
  item === null
    ? 0
    : partBytes(item.content) +
      partBytes(item.summary) +
      textBytes(item.name) +
      textBytes(item.arguments) +
      textBytes(item.input);

export const outputBytes = (output: unknown): number =>
  (Array.isArray(output) ? (output as (OutputItem | null)[]) : []).reduce((sum, item) => sum + itemBytes(item), 0);

/** What an event of a stream adds to the answer: the pieces of text, and the names of functions, which come whole. */
export const eventBytes = ({ type, delta, item }: { type?: unknown; delta?: unknown; item?: OutputItem | null }) =>
  textBytes(delta) + (type === 'response.output_item.added' ? textBytes(item?.name) : 0);

/** The usage of a response, which has other names for the same counts as chat completions. */
export function readResponseUsage(value: unknown, serviceTier?: unknown): Usage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const usage = value as Record<string, unknown>;
  return readChatUsage(
    {
      prompt_tokens: usage.input_tokens,
      completion_tokens: usage.output_tokens,
      total_tokens: usage.total_tokens,
      prompt_tokens_details: usage.input_tokens_details,
      completion_tokens_details: usage.output_tokens_details,
    },
    serviceTier,
  );
}

/** The same counts as a response tells them. */
export const writeResponseUsage = (usage: Usage): Record<string, unknown> => ({
  input_tokens: usage.inputTokens,
  input_tokens_details: { cached_tokens: usage.cachedTokens, cache_write_tokens: usage.cacheWriteTokens ?? 0 },
  output_tokens: usage.outputTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningTokens ?? 0 },
  total_tokens: usage.inputTokens + usage.outputTokens,
});
