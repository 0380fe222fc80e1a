import {
  type CallOptions,
  type ChatAnswer,
  type ChatChunk,
  type ChatProvider,
  type ChatRequest,
  type EmbeddingAnswer,
  type EmbeddingRequest,
  fillingFetch,
  type ImageAnswer,
  type ImageRequest,
  type PluginContext,
  type ProviderCheck,
  ProviderError,
  readChatUsage,
  type SetAside,
  type Tokenizer,
  type Transcription,
  type TranscriptionRequest,
} from '@purser/plugin-sdk';
import OpenAI from 'openai';
import type { OpenAiConfig } from './config.js';
import { embed } from './embeddings.js';
import { type Endpoint, endpoint, keyAdvice, server } from './endpoint.js';
import { failure, jsonObject } from './failure.js';
import { generateImages } from './images.js';
import { PassThroughs } from './pass-through.js';
import { tokenizerOf } from './tokenizers.js';
import { transcribe } from './transcription.js';

/** Below the 3 s that a check may take. */
const checkMs = 2500;
/** Until the answer begins; the gateway's own deadline comes as the signal. */
const answerMs = 10 * 60_000;

type Streaming = OpenAI.ChatCompletionCreateParamsStreaming;
type Whole = OpenAI.ChatCompletionCreateParamsNonStreaming;

/** Parameters that we do not know pass through; only the output limit's name is ours. */
function requestBody(request: ChatRequest, at: Endpoint): Record<string, unknown> {
  const { max_completion_tokens: limit, max_tokens: _old, stream_options: _streams, ...rest } = request;
  return { ...rest, [at.outputLimitField]: limit };
}

/** Models behind anything that speaks OpenAI's protocol, through OpenAI's own client. */
export class OpenAiProvider implements ChatProvider {
  readonly cancelledCallsBill: 'delivered' | 'full';
  readonly takesMarks = true;
  readonly unsupportedParameters: readonly string[];
  private readonly passThroughs: PassThroughs;
  private client: { for: string; openai: OpenAI } | undefined;

  constructor(
    private readonly context: PluginContext,
    private readonly config: OpenAiConfig,
  ) {
    this.cancelledCallsBill = config.cancelledCallsBill;
    this.unsupportedParameters = config.unsupportedParameters;
    this.passThroughs = new PassThroughs(config, context);
  }

  get passThrough(): NonNullable<ChatProvider['passThrough']> {
    return this.passThroughs.now();
  }

  tokenizerOf(model: string): Tokenizer | undefined {
    return this.isOwn() ? tokenizerOf(model) : undefined;
  }

  get standardServiceTier(): string | undefined {
    const { serviceTier, unsupportedParameters } = this.config;
    const named = serviceTier === 'default' && !unsupportedParameters.includes('service_tier');
    return named && this.isOwn() ? 'default' : undefined;
  }

  /** Every call will tell what is wrong with the address, if anything is. */
  private isOwn(): boolean {
    try {
      return server(this.config, this.context).own;
    } catch {
      return false;
    }
  }

  async check({ signal }: CallOptions): Promise<ProviderCheck> {
    try {
      const at = endpoint(this.config, this.context);
      if (at.keyRequired && at.key === undefined)
        return { available: false, reason: `${at.keyName} is not set; ${keyAdvice(at)}` };
      return await this.askModels(at, signal);
    } catch (error) {
      signal.throwIfAborted();
      return { available: false, reason: (error as Error).message };
    }
  }

  async chat(request: ChatRequest, { signal, setAside }: CallOptions): Promise<ChatAnswer> {
    signal.throwIfAborted();
    const at = endpoint(this.config, this.context);
    const body = { ...requestBody(request, at), stream: false } as unknown as Whole;
    try {
      const answer = await this.clientOf(at, setAside).chat.completions.create(body, { signal });
      const completion = jsonObject(answer);
      return { completion, usage: readChatUsage(completion.usage, completion.service_tier) };
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, at.shown);
    }
  }

  async *streamChat(request: ChatRequest, { signal, setAside }: CallOptions): AsyncIterable<ChatChunk> {
    signal.throwIfAborted();
    const at = endpoint(this.config, this.context);
    const body = {
      ...requestBody(request, at),
      stream: true,
      ...(this.config.requestStreamUsage
        ? { stream_options: { ...(request.stream_options as object | undefined), include_usage: true } }
        : {}),
    } as unknown as Streaming;
    let ended = false;
    try {
      const stream = await this.clientOf(at, setAside).chat.completions.create(body, { signal });
      for await (const part of stream) {
        const chunk = part as unknown as Record<string, unknown>;
        const usage = readChatUsage(chunk.usage, chunk.service_tier);
        ended ||= usage !== undefined || part.choices?.some((choice) => Boolean(choice.finish_reason));
        yield { chunk, ...(usage ? { usage } : {}) };
      }
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, at.shown);
    }
    // The client ends an aborted stream as if it were whole.
    signal.throwIfAborted();
    if (!ended)
      throw new ProviderError('connection', `${at.shown}: the stream ended before the answer did`, { mayBill: true });
  }

  embed(request: EmbeddingRequest, { signal }: CallOptions): Promise<EmbeddingAnswer> {
    return this.attempt(signal, (openai) => embed(openai, request, signal));
  }

  generateImages(request: ImageRequest, { signal }: CallOptions): Promise<ImageAnswer> {
    return this.attempt(signal, (openai) => generateImages(openai, request, signal));
  }

  transcribe(request: TranscriptionRequest, { signal }: CallOptions): Promise<Transcription> {
    return this.attempt(signal, (openai) => transcribe(openai, request, signal));
  }

  private async attempt<Answer>(signal: AbortSignal, call: (openai: OpenAI) => Promise<Answer>): Promise<Answer> {
    signal.throwIfAborted();
    const at = endpoint(this.config, this.context);
    try {
      return await call(this.connect(at));
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, at.shown);
    }
  }

  private async askModels(at: Endpoint, signal: AbortSignal): Promise<ProviderCheck> {
    const limit = AbortSignal.timeout(checkMs);
    try {
      const page = await this.connect(at).models.list({ signal: AbortSignal.any([signal, limit]) });
      return { available: true, models: page.data.map((model) => model.id) };
    } catch (error) {
      signal.throwIfAborted();
      if (limit.aborted) return { available: false, reason: `${at.shown} did not answer within ${checkMs / 1000} s` };
      const { kind, status, message } = failure(error, at.shown);
      // Some compatible servers list no models, and serve them all the same.
      if (status === 400 || status === 404 || status === 405 || status === 501) return { available: true };
      if (kind === 'auth')
        return {
          available: false,
          reason: `${at.shown} refuses ${at.key === undefined ? 'calls without a key' : `the key in ${at.keyName}`} (${status}); ${keyAdvice(at)}`,
        };
      return {
        available: false,
        reason: kind === 'connection' ? `cannot reach ${message}` : `${at.shown} answered: ${message}`,
      };
    }
  }

  private clientOf(at: Endpoint, setAside: SetAside | undefined): OpenAI {
    const openai = this.connect(at);
    return setAside ? openai.withOptions({ fetch: fillingFetch(setAside) }) : openai;
  }

  /** One client as long as address and key stay, so that its settings are checked once. */
  private connect(at: Endpoint): OpenAI {
    const name = JSON.stringify([at.baseUrl, at.key, at.organization, at.project]);
    if (this.client?.for !== name) {
      const openai = new OpenAI({
        baseURL: at.baseUrl,
        apiKey: at.key ?? 'none',
        organization: at.organization,
        project: at.project,
        // The gateway retries: each attempt needs a hold of its own.
        maxRetries: 0,
        timeout: answerMs,
        logLevel: 'off',
        ...(at.key === undefined ? { defaultHeaders: { authorization: null } } : {}),
      });
      this.client = { for: name, openai };
    }
    return this.client.openai;
  }
}
