import { type ImageAnswer, type ImageRequest, ProviderError, tokenCount, type Usage } from '@purser/plugin-sdk';
import type OpenAI from 'openai';
import { jsonObject } from './failure.js';

/** OpenAI's own image models are billed by tokens; without a usage nothing can be said about what they cost. */
const billsTokens = (model: string): boolean => /(^|[/-])(gpt|chatgpt)-image/.test(model);

/** Models that are billed by the picture tell no usage, but the pictures can be counted. */
export function imageUsage(model: string, answer: Readonly<Record<string, unknown>>): Usage | undefined {
  const images = Array.isArray(answer.data) ? answer.data.length : 0;
  const told = answer.usage as Record<string, unknown> | null | undefined;
  const inputTokens = tokenCount(told?.input_tokens);
  const outputTokens = tokenCount(told?.output_tokens);
  if (inputTokens === undefined || outputTokens === undefined)
    return billsTokens(model) ? undefined : { inputTokens: 0, outputTokens: 0, cachedTokens: 0, images };
  const input = told?.input_tokens_details as Record<string, unknown> | null | undefined;
  const output = told?.output_tokens_details as Record<string, unknown> | null | undefined;
  return {
    inputTokens,
    outputTokens,
    cachedTokens: Math.min(tokenCount(input?.cached_tokens) ?? 0, inputTokens),
    imageInputTokens: Math.min(tokenCount(input?.image_tokens) ?? 0, inputTokens),
    // Without details all of the output is picture.
    imageOutputTokens: Math.min(tokenCount(output?.image_tokens) ?? outputTokens, outputTokens),
    images,
  };
}

export async function generateImages(openai: OpenAI, request: ImageRequest, signal: AbortSignal): Promise<ImageAnswer> {
  if (request.stream)
    throw new ProviderError('invalid_request', 'pictures are not streamed here; leave "stream" out', {
      mayBill: false,
    });
  const answer = jsonObject(await openai.post('/images/generations', { body: request, signal }));
  return { answer, usage: imageUsage(request.model, answer) };
}
