import { InferenceClientProviderApiError } from '@huggingface/inference';
import {
  type CallOptions,
  type ChatAnswer,
  type ChatChunk,
  type ChatProvider,
  type ChatRequest,
  type EmbeddingAnswer,
  type EmbeddingRequest,
  failureFromNetwork,
  isProviderError,
  type ModelProvider,
  type PluginContext,
  type ProviderCheck,
  ProviderError,
  readChatUsage,
  readingRequest,
} from '@purser/plugin-sdk';
import { lookAt } from './check.js';
import type { HuggingFaceConfig } from './config.js';
import { connect } from './connection.js';
import { embed } from './embeddings.js';
import { callUrl, type Endpoint, endpoint } from './endpoint.js';
import { TextChunks, textArguments, toChat, unsupportedInText } from './text-generation.js';

/** What no provider behind the router has. */
const unsupported = ['audio', 'function_call', 'functions', 'modalities', 'prediction', 'web_search_options'] as const;

type Answer = Record<string, unknown> & { choices?: { finish_reason?: string | null }[] };

/** The client's own settings travel among the parameters of a call: a caller must not be able to set them. */
function withoutSettings(parameters: Record<string, unknown>): Record<string, unknown> {
  const { accessToken: _a, endpointUrl: _e, provider: _p, urlTransform: _u, data: _d, ...rest } = parameters;
  return rest;
}

/** Models behind Hugging Face's Inference Providers or an Inference Endpoint, through its official client. */
export class HuggingFaceProvider implements ChatProvider, Required<Pick<ModelProvider, 'embed'>> {
  readonly cancelledCallsBill: 'delivered' | 'full';
  readonly takesMarks = true;
  readonly unsupportedParameters: readonly string[];

  constructor(
    private readonly context: PluginContext,
    private readonly config: HuggingFaceConfig,
  ) {
    this.cancelledCallsBill = config.cancelledCallsBill;
    const inText = config.task === 'text-generation' ? unsupportedInText : [];
    this.unsupportedParameters = [...new Set([...unsupported, ...inText, ...config.unsupportedParameters])];
  }

  async check({ signal }: CallOptions): Promise<ProviderCheck> {
    try {
      return await lookAt(endpoint(this.config, this.context), this.config, signal);
    } catch (error) {
      signal.throwIfAborted();
      return { available: false, reason: (error as Error).message };
    }
  }

  async chat(request: ChatRequest, { signal, setAside }: CallOptions): Promise<ChatAnswer> {
    signal.throwIfAborted();
    const at = endpoint(this.config, this.context);
    const { client, seen } = connect(at, signal, this.config.billTo, setAside);
    const body = readingRequest(() => this.callArguments(at, request, false));
    try {
      if (this.config.task === 'text-generation') {
        await client.textGeneration(body as never);
        return toChat(request.model, seen.body as object);
      }
      const completion = (await client.chatCompletion(body as never)) as unknown as Answer;
      return { completion, usage: readChatUsage(completion.usage) };
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, at);
    }
  }

  async *streamChat(request: ChatRequest, { signal, setAside }: CallOptions): AsyncIterable<ChatChunk> {
    signal.throwIfAborted();
    const at = endpoint(this.config, this.context);
    // Also for a consumer that leaves early: the client would let the answer run on.
    const left = new AbortController();
    const { client } = connect(at, AbortSignal.any([signal, left.signal]), this.config.billTo, setAside);
    const body = readingRequest(() => this.callArguments(at, request, true));
    let ended = false;
    try {
      const text = this.config.task === 'text-generation' ? new TextChunks(request.model) : undefined;
      const parts = text ? client.textGenerationStream(body as never) : client.chatCompletionStream(body as never);
      for await (const part of parts as AsyncIterable<unknown> as AsyncIterable<Answer>) {
        const usage = readChatUsage(part.usage);
        ended ||= usage !== undefined || Boolean(part.choices?.some((choice) => choice.finish_reason));
        yield text ? text.chunk(part) : { chunk: part, ...(usage ? { usage } : {}) };
      }
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, at);
    } finally {
      left.abort();
    }
    signal.throwIfAborted();
    if (!ended)
      throw new ProviderError('connection', `${at.shown}: the stream ended before the answer did`, { mayBill: true });
  }

  async embed(request: EmbeddingRequest, { signal }: CallOptions): Promise<EmbeddingAnswer> {
    signal.throwIfAborted();
    const at = endpoint(this.config, this.context);
    const url = callUrl(at, this.config, request.model, 'feature-extraction');
    try {
      return await embed(connect(at, signal, this.config.billTo), url, request);
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, at);
    }
  }

  private callArguments(at: Endpoint, request: ChatRequest, streaming: boolean): Record<string, unknown> {
    const { task } = this.config;
    const { max_completion_tokens: limit, max_tokens: _old, ...rest } = request;
    const asked = task === 'chat' ? { ...rest, max_tokens: limit } : textArguments(request);
    const streams = streaming
      ? { stream_options: { ...(request.stream_options as object | undefined), include_usage: true } }
      : {};
    return {
      ...withoutSettings(asked),
      ...streams,
      model: request.model,
      endpointUrl: callUrl(at, this.config, request.model, task),
    };
  }
}

function failure(error: unknown, at: Endpoint): ProviderError {
  if (isProviderError(error)) return error;
  const { message } = error as Error;
  // The only one that our own fetch does not see: an error event inside a stream, after the model had begun.
  if (error instanceof InferenceClientProviderApiError)
    return new ProviderError('overloaded', message, { mayBill: true, cause: error });
  if (error instanceof SyntaxError || (error as Error).name === 'ProviderOutputError')
    return new ProviderError('unknown', `${at.shown}: ${message}`, { mayBill: true, cause: error });
  return failureFromNetwork(error, at.shown);
}
