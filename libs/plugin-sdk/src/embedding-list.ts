import type { EmbeddingAnswer, EmbeddingRequest } from './media.js';
import { ProviderError } from './model-provider.js';

/** The texts of an embeddings request, for providers that have a tokenizer of their own and take no token numbers. */
export function embeddedTexts({ input }: Pick<EmbeddingRequest, 'input'>): string[] {
  const texts: readonly unknown[] = Array.isArray(input) ? input : [input];
  if (texts.length > 0 && texts.every((text) => typeof text === 'string')) return [...texts];
  throw new ProviderError(
    'invalid_request',
    'this provider embeds text: a string or a list of them, not token numbers',
    {
      mayBill: false,
    },
  );
}

/** 32-bit floats, little-endian, as OpenAI packs them. */
function packed(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4);
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes.toString('base64');
}

/** OpenAI's list for vectors in the order of the texts; `inputTokens` is undefined when the provider did not tell them. */
export function embeddingList(
  request: EmbeddingRequest,
  vectors: readonly (readonly number[])[],
  inputTokens: number | undefined,
): EmbeddingAnswer {
  const pack = request.encoding_format === 'base64';
  const answer = {
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: pack ? packed(vector) : vector,
    })),
    model: request.model,
    ...(inputTokens === undefined ? {} : { usage: { prompt_tokens: inputTokens, total_tokens: inputTokens } }),
  };
  return { answer, usage: inputTokens === undefined ? undefined : { inputTokens, outputTokens: 0, cachedTokens: 0 } };
}
