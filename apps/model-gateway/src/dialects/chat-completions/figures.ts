import type { Usage } from '@purser/plugin-sdk';

interface Delta {
  content?: unknown;
  refusal?: unknown;
  reasoning?: unknown;
  reasoning_content?: unknown;
  tool_calls?: unknown;
  function_call?: unknown;
}

const textBytes = (value: unknown): number => (typeof value === 'string' ? Buffer.byteLength(value) : 0);

/** Bytes of model output in one message or delta. */
export function outputBytes(delta: Delta | null | undefined): number {
  if (!delta) return 0;
  const { content, refusal, reasoning, reasoning_content: thought, tool_calls: tools, function_call: call } = delta;
  const said = textBytes(content) + textBytes(refusal) + textBytes(reasoning) + textBytes(thought);
  return said + (tools ? textBytes(JSON.stringify(tools)) : 0) + (call ? textBytes(JSON.stringify(call)) : 0);
}

export interface Choices {
  choices?: { delta?: Delta; message?: Delta; finish_reason?: unknown }[] | null;
  usage?: unknown;
}

export const chunkBytes = ({ choices }: Choices): number =>
  (choices ?? []).reduce((sum, { delta }) => sum + outputBytes(delta), 0);

export const answerBytes = ({ choices }: Choices): number =>
  (choices ?? []).reduce((sum, { message }) => sum + outputBytes(message), 0);

/** A chunk that only tells the usage; clients that did not ask for it do not expect it. */
export const isUsageOnly = ({ choices, usage }: Choices): boolean =>
  usage !== undefined && usage !== null && choices?.length === 0;

export const ends = ({ choices, usage }: Choices): boolean =>
  (usage !== undefined && usage !== null) || (choices ?? []).some(({ finish_reason: reason }) => Boolean(reason));

const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;

interface Details {
  cached_tokens?: unknown;
  cache_write_tokens?: unknown;
  audio_tokens?: unknown;
  reasoning_tokens?: unknown;
}

/**
 * OpenAI's `usage`. Output is what is billed as output: OpenAI counts reasoning within `completion_tokens`, xAI beside
 * it and only in `total_tokens`, so the larger reading holds.
 */
export function readChatUsage(value: unknown, serviceTier?: unknown): Usage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const usage = value as Record<string, unknown>;
  const inputTokens = count(usage.prompt_tokens);
  const completion = count(usage.completion_tokens);
  if (inputTokens === undefined || completion === undefined) return undefined;
  const beyondInput = (count(usage.total_tokens) ?? 0) - inputTokens;
  const input = (usage.prompt_tokens_details ?? {}) as Details;
  const output = (usage.completion_tokens_details ?? {}) as Details;
  const outputTokens = Math.max(completion, beyondInput);
  return {
    inputTokens,
    outputTokens,
    cachedTokens: Math.min(count(input.cached_tokens) ?? 0, inputTokens),
    ...part('cacheWriteTokens', input.cache_write_tokens, inputTokens),
    ...part('audioInputTokens', input.audio_tokens, inputTokens),
    ...part('audioOutputTokens', output.audio_tokens, outputTokens),
    ...part('reasoningTokens', output.reasoning_tokens, outputTokens),
    ...(typeof serviceTier === 'string' && serviceTier !== 'default' && serviceTier !== 'auto' ? { serviceTier } : {}),
  };
}

const part = (name: keyof Usage, value: unknown, most: number): Partial<Usage> => {
  const tokens = count(value) ?? 0;
  return tokens === 0 ? {} : { [name]: Math.min(tokens, most) };
};
