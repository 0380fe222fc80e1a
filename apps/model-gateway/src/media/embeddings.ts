import { inputTokenBound } from '@purser/money';
import type { EmbeddingRequest } from '@purser/plugin-sdk';
import { z } from 'zod';
import type { ClientBody } from '../bodies/client-body.js';
import type { ModelCall } from '../calls/model-call.js';
import { mediaCall, readFields, unknownFields } from './media-call.js';

const MOST_INPUTS = 10_000;
const NEEDED = 'a text, a list of texts, a list of token numbers, or a list of such lists; none of them empty';

const isToken = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isTokens = (value: unknown): boolean => Array.isArray(value) && value.length > 0 && value.every(isToken);

/** Looked at by hand: a schema for each of a million token numbers would hold up every other call. */
function isInput(value: unknown): value is EmbeddingRequest['input'] {
  if (!Array.isArray(value)) return isText(value);
  if (isTokens(value)) return true;
  return value.length > 0 && value.length <= MOST_INPUTS && (value.every(isText) || value.every(isTokens));
}

const Body = z.looseObject({
  model: z.string({ error: 'a capability, or a model' }).min(1).max(300),
  input: z.custom<EmbeddingRequest['input']>(isInput, NEEDED),
  encoding_format: z.enum(['float', 'base64'], { error: '"float" or "base64"' }).nullish(),
  dimensions: z.int({ error: 'a whole number, at least 1' }).min(1).max(1_000_000).nullish(),
});

/** What leaves the price alone; `truncate` and `keep_alive` are Ollama's. */
const HARMLESS = new Set([...['model', 'input', 'encoding_format', 'dimensions', 'user'], 'truncate', 'keep_alive']);

/** OpenAI's `POST /v1/embeddings`. Every byte that was sent may become input; a token number is at least one. */
export function readEmbeddings(sent: ClientBody): ModelCall {
  const body = readFields(Body, sent, 'embeddings request');
  const inputs = Array.isArray(body.input) && typeof body.input[0] !== 'number' ? body.input.length : 1;
  return mediaCall({
    kind: 'embeddings',
    does: 'embeddings',
    model: body.model,
    bounds: { inputTokens: inputTokenBound({ textBytes: sent.bytes, messages: inputs, tools: 0, images: 0 }) },
    choices: 1,
    outputAtMost: 0,
    pricedParameters: () => unknownFields(body, HARMLESS),
    ask: (provider) =>
      provider.embed &&
      (async (model, options) => {
        const request = { ...sent.longTexts.restore(body), model } as EmbeddingRequest;
        const { answer, usage } = await provider.embed!(request, options);
        return { body: answer, usage, bytes: 0 };
      }),
  });
}
