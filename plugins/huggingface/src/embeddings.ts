import type { InferenceClient } from '@huggingface/inference';
import {
  embeddedTexts,
  type EmbeddingAnswer,
  embeddingList,
  type EmbeddingRequest,
  ProviderError,
} from '@purser/plugin-sdk';
import type { Seen } from './connection.js';
import { embeddedTokens } from './usage.js';

const isVector = (value: unknown): value is number[] =>
  Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === 'number');

export async function embed(
  { client, seen }: { client: InferenceClient; seen: Seen },
  endpointUrl: string,
  request: EmbeddingRequest,
): Promise<EmbeddingAnswer> {
  const inputs = embeddedTexts(request);
  const { dimensions, truncate, normalize, prompt_name } = request;
  const known = { dimensions, truncate, normalize, prompt_name };
  const given = Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined));
  const vectors: unknown[] = await client.featureExtraction({ ...given, model: request.model, endpointUrl, inputs });
  if (vectors.length !== inputs.length || !vectors.every(isVector))
    throw new ProviderError(
      'unknown',
      `${request.model} does not give one vector for each text; take a model for sentence embeddings`,
      { mayBill: true },
    );
  return embeddingList(request, vectors, embeddedTokens(seen.headers));
}
