import { type EmbeddingAnswer, type EmbeddingRequest, tokenCount, type Usage } from '@purser/plugin-sdk';
import type OpenAI from 'openai';
import { jsonObject } from './failure.js';

/** Embeddings have no output tokens. */
function usageOf(value: unknown): Usage | undefined {
  const { prompt_tokens, total_tokens } = (value ?? {}) as Record<string, unknown>;
  const inputTokens = tokenCount(prompt_tokens) ?? tokenCount(total_tokens);
  return inputTokens === undefined ? undefined : { inputTokens, outputTokens: 0, cachedTokens: 0 };
}

/** `post` instead of `embeddings.create`: that one asks for base64 unasked, which compatible servers do not all have. */
export async function embed(openai: OpenAI, request: EmbeddingRequest, signal: AbortSignal): Promise<EmbeddingAnswer> {
  const answer = jsonObject(await openai.post('/embeddings', { body: request, signal }));
  return { answer, usage: usageOf(answer.usage) };
}
