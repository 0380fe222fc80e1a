import {
  type CallOptions,
  type ChatAnswer,
  type ChatChunk,
  type ChatProvider,
  type ChatRequest,
  type EmbeddingAnswer,
  type EmbeddingRequest,
  type ModelProvider,
  isProviderError,
  type PluginContext,
  type ProviderCheck,
  type PullProgress,
  readingRequest,
} from '@purser/plugin-sdk';
import type { ChatResponse } from 'ollama';
import type { OllamaConfig } from './config.js';
import { connect, hostToCall } from './connection.js';
import { embed } from './embeddings.js';
import { failure } from './failure.js';
import { pull } from './pull.js';
import { ChunkWriter, toCompletion } from './to-openai.js';
import { toOllama, unsupportedParameters } from './to-ollama.js';

/** Below the 3 s that a check may take. */
const checkMs = 2500;
const standardHost = 'http://127.0.0.1:11434';

/** Local models behind Ollama's own protocol, which unlike its OpenAI endpoint takes the size of the context window. */
export class OllamaProvider implements ChatProvider, Required<Pick<ModelProvider, 'embed' | 'pullModel'>> {
  /** The server stops generating when its client leaves. */
  readonly cancelledCallsBill = 'delivered';
  readonly takesMarks = true;
  readonly unsupportedParameters = unsupportedParameters;

  constructor(
    private readonly context: PluginContext,
    private readonly config: OllamaConfig,
  ) {}

  async check({ signal }: CallOptions): Promise<ProviderCheck> {
    const host = this.host();
    const limit = AbortSignal.timeout(checkMs);
    try {
      const { models } = await connect(host, AbortSignal.any([signal, limit])).list();
      if (models.length === 0)
        return { available: false, reason: `Ollama at ${host} has no models; fetch one with "ollama pull <model>"` };
      // `llama3` means `llama3:latest`, and people write it so.
      return { available: true, models: models.flatMap(({ name }) => [name, ...bareName(name)]) };
    } catch (error) {
      signal.throwIfAborted();
      if (limit.aborted)
        return { available: false, reason: `Ollama at ${host} did not answer within ${checkMs / 1000} s` };
      if (isProviderError(error) && error.kind === 'connection')
        return {
          available: false,
          reason: `no Ollama server at ${host}; start it with "ollama serve" (https://ollama.com/download), or set OLLAMA_HOST`,
        };
      return { available: false, reason: `${host} does not answer as Ollama does: ${(error as Error).message}` };
    }
  }

  async chat(request: ChatRequest, { signal, setAside }: CallOptions): Promise<ChatAnswer> {
    signal.throwIfAborted();
    const asked = readingRequest(() => toOllama(request, this.config));
    try {
      const client = connect(this.host(), signal, setAside);
      return toCompletion(await withoutThinking(asked, (body) => client.chat({ ...body, stream: false })));
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, this.host(), request.model);
    }
  }

  async *streamChat(request: ChatRequest, { signal, setAside }: CallOptions): AsyncIterable<ChatChunk> {
    signal.throwIfAborted();
    const asked = readingRequest(() => toOllama(request, this.config));
    // Also for a consumer that leaves early: the client would go on reading.
    const left = new AbortController();
    const writer = new ChunkWriter();
    try {
      const client = connect(this.host(), AbortSignal.any([signal, left.signal]), setAside);
      const lines = await withoutThinking(asked, (body) => client.chat({ ...body, stream: true }));
      for await (const line of lines as AsyncIterable<ChatResponse>) yield* writer.chunks(line);
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, this.host(), request.model);
    } finally {
      left.abort();
    }
  }

  async embed(request: EmbeddingRequest, { signal }: CallOptions): Promise<EmbeddingAnswer> {
    signal.throwIfAborted();
    try {
      return await embed(connect(this.host(), signal), request, this.config);
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, this.host(), request.model);
    }
  }

  async *pullModel(model: string, { signal }: CallOptions): AsyncIterable<PullProgress> {
    signal.throwIfAborted();
    const left = new AbortController();
    try {
      yield* pull(connect(this.host(), AbortSignal.any([signal, left.signal])), model);
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, this.host(), model);
    } finally {
      left.abort();
    }
  }

  private host(): string {
    return hostToCall(this.config.host ?? this.context.secret('OLLAMA_HOST') ?? standardHost);
  }
}

const bareName = (name: string): string[] => (name.endsWith(':latest') ? [name.slice(0, -':latest'.length)] : []);

/** An effort is a wish that agents send along to every model; one that cannot think answers without it. */
async function withoutThinking<Body extends { think?: unknown }, Answer>(
  body: Body,
  send: (body: Body) => Promise<Answer>,
): Promise<Answer> {
  try {
    return await send(body);
  } catch (error) {
    if (body.think === undefined || !isProviderError(error) || !error.message.includes('does not support thinking'))
      throw error;
    const { think: _, ...rest } = body;
    return send(rest as Body);
  }
}
