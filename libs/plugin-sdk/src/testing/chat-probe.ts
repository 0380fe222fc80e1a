import type { ChatChunk, ChatRequest } from '../model-provider.js';

/** Deeply frozen: a provider that changes its caller's request spoils the next tier's attempt. */
export function chatRequest(model: string, limit = 1000): ChatRequest {
  const message = Object.freeze({ role: 'user', content: 'Say something.' });
  return Object.freeze({ model, messages: Object.freeze([message]) as never, max_completion_tokens: limit });
}

export const textOf = (chunks: readonly ChatChunk[]): string =>
  chunks
    .flatMap(({ chunk }) => (chunk.choices as { delta?: { content?: string | null } }[] | undefined) ?? [])
    .map((choice) => choice.delta?.content ?? '')
    .join('');

export const never = (): AbortSignal => new AbortController().signal;
