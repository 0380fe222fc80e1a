import { embeddedTexts, type EmbeddingAnswer, embeddingList, type EmbeddingRequest } from '@purser/plugin-sdk';
import type { Ollama } from 'ollama';
import type { OllamaConfig } from './config.js';

/**
 * What is too long for the model is refused, as OpenAI does: Ollama would by itself cut it off silently and embed the
 * beginning. A caller who wants that says `truncate: true`.
 */
export async function embed(client: Ollama, request: EmbeddingRequest, config: OllamaConfig): Promise<EmbeddingAnswer> {
  const keepAlive = (request.keep_alive as string | number | undefined) ?? config.keepAlive;
  const { embeddings, prompt_eval_count: tokens } = await client.embed({
    model: request.model,
    input: embeddedTexts(request),
    truncate: request.truncate === true,
    ...(typeof request.dimensions === 'number' ? { dimensions: request.dimensions } : {}),
    ...(keepAlive === undefined ? {} : { keep_alive: keepAlive }),
    ...(config.contextTokens === undefined ? {} : { options: { num_ctx: config.contextTokens } }),
  });
  return embeddingList(request, embeddings, tokens);
}
