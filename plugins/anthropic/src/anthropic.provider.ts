import Anthropic from '@anthropic-ai/sdk';
import {
  type CallOptions,
  type ChatAnswer,
  type ChatChunk,
  type ChatProvider,
  type ChatRequest,
  fillingFetch,
  httpPassThrough,
  type PassThrough,
  type PluginContext,
  type ProviderCheck,
  ProviderError,
  readingRequest,
  type SetAside,
} from '@purser/plugin-sdk';
import type { AnthropicConfig } from './config.js';
import { type Endpoint, endpoint, headersFor, keyAdvice, messagesTarget } from './endpoint.js';
import { COUNT, passThroughCounting } from './counting.js';
import { failure } from './failure.js';
import { Models } from './models.js';
import { toCount, toMessages, unsupportedParameters } from './to-messages.js';
import { ChunkWriter, toCompletion } from './to-openai.js';

/** Below the 3 s that a check may take. */
const checkMs = 2500;
/** Until the answer begins; the gateway's own deadline comes as the signal. */
const answerMs = 10 * 60_000;

type Events = AsyncIterable<Anthropic.RawMessageStreamEvent>;

const now = () => Math.floor(Date.now() / 1000);

/** Claude, through Anthropic's own protocol: for its clients untranslated, for OpenAI's translated. */
export class AnthropicProvider implements ChatProvider {
  readonly cancelledCallsBill: 'delivered' | 'full';
  readonly takesMarks = true;
  readonly unsupportedParameters: readonly string[];
  readonly passThrough: { messages: PassThrough };
  private readonly models = new Models();
  private client: { for: string; anthropic: Anthropic } | undefined;

  constructor(
    private readonly context: PluginContext,
    private readonly config: AnthropicConfig,
  ) {
    this.cancelledCallsBill = config.cancelledCallsBill;
    this.unsupportedParameters = [...new Set([...unsupportedParameters, ...config.unsupportedParameters])];
    const way = (path?: string) =>
      httpPassThrough({
        target: ({ headers }) => messagesTarget(this.endpoint(), headers, path),
        closing: context.signal,
      });
    this.passThrough = { messages: { ...way(), counting: passThroughCounting(way(COUNT)) } };
  }

  get countBoundsInput(): boolean {
    const { holdByCount } = this.config;
    if (holdByCount !== undefined) return holdByCount;
    try {
      return this.endpoint().own;
    } catch {
      // Every call will tell what is wrong with the address.
      return false;
    }
  }

  async check({ signal }: CallOptions): Promise<ProviderCheck> {
    try {
      const at = this.endpoint();
      if (at.keyRequired && at.key === undefined)
        return { available: false, reason: `${at.keyName} is not set; ${keyAdvice(at)}` };
      return await this.askModels(at, signal);
    } catch (error) {
      signal.throwIfAborted();
      return { available: false, reason: (error as Error).message };
    }
  }

  async chat(request: ChatRequest, options: CallOptions): Promise<ChatAnswer> {
    const body = { ...this.translate(request, options), stream: false };
    const message = await this.ask<Anthropic.Message>('/v1/messages', body, options, ({ content }) =>
      Array.isArray(content),
    );
    return toCompletion(message, now());
  }

  async *streamChat(request: ChatRequest, options: CallOptions): AsyncIterable<ChatChunk> {
    const body = { ...this.translate(request, options), stream: true };
    const { signal, setAside } = options;
    const at = this.endpoint();
    const writer = new ChunkWriter(now());
    try {
      const events = await this.clientOf(at, setAside).post<Events>('/v1/messages', { body, stream: true, signal });
      for await (const event of events) yield* writer.chunks(event);
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, at);
    }
    // The client ends an aborted stream as if it were whole.
    signal.throwIfAborted();
    if (!writer.ended)
      throw new ProviderError('connection', `${at.shown}: the stream ended before the answer did`, { mayBill: true });
  }

  async countTokens(request: ChatRequest, options: CallOptions): Promise<number> {
    const body = toCount(this.translate(request, options));
    const counted = await this.ask<Anthropic.MessageTokensCount>(COUNT, body, options, ({ input_tokens: tokens }) =>
      Number.isSafeInteger(tokens),
    );
    return counted.input_tokens;
  }

  private translate(request: ChatRequest, { signal }: CallOptions) {
    signal.throwIfAborted();
    return readingRequest(() => toMessages(request, this.models.abilities(request.model)));
  }

  private async ask<T extends object>(
    path: string,
    body: object,
    { signal, setAside }: CallOptions,
    isAnswer: (answer: Partial<T>) => boolean,
  ): Promise<T> {
    const at = this.endpoint();
    let answer: T | string | null;
    try {
      answer = await this.clientOf(at, setAside).post<T | string | null>(path, { body, signal });
    } catch (error) {
      signal.throwIfAborted();
      throw failure(error, at);
    }
    // A page of text for example, from a server that is none of Anthropic's kind.
    if (typeof answer === 'object' && answer && isAnswer(answer)) return answer;
    throw new ProviderError('unknown', `${at.shown} does not answer as Anthropic does`, { mayBill: true });
  }

  private async askModels(at: Endpoint, signal: AbortSignal): Promise<ProviderCheck> {
    const limit = AbortSignal.timeout(checkMs);
    try {
      const page = await this.connect(at).models.list({ limit: 1000 }, { signal: AbortSignal.any([signal, limit]) });
      this.models.listed(page.data);
      return { available: true, models: this.models.names() };
    } catch (error) {
      signal.throwIfAborted();
      if (limit.aborted) return { available: false, reason: `${at.shown} did not answer within ${checkMs / 1000} s` };
      const { kind, status, message } = failure(error, at);
      // Some compatible servers list no models, and serve them all the same.
      if (status === 404 || status === 405) return { available: true };
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

  private endpoint(): Endpoint {
    return endpoint(this.config, this.context);
  }

  private clientOf(at: Endpoint, setAside: SetAside | undefined): Anthropic {
    const anthropic = this.connect(at);
    return setAside ? anthropic.withOptions({ fetch: sendingAs(at, fillingFetch(setAside)) }) : anthropic;
  }

  /** One client as long as address and key stay, so that its settings are checked once. */
  private connect(at: Endpoint): Anthropic {
    const name = JSON.stringify([at.baseUrl, at.key]);
    if (this.client?.for !== name) {
      const anthropic = new Anthropic({
        baseURL: at.baseUrl,
        // Not sent, see below; without one the client would look for credentials on this machine.
        apiKey: at.key ?? 'none',
        webhookKey: null,
        // The gateway retries: each attempt needs a hold of its own.
        maxRetries: 0,
        timeout: answerMs,
        logLevel: 'off',
        openTelemetry: false,
        fetch: sendingAs(at),
      });
      this.client = { for: name, anthropic };
    }
    return this.client.anthropic;
  }
}

/**
 * The client would add what ANTHROPIC_CUSTOM_HEADERS holds, which may be a key for another server than this one; and a
 * redirect would take this one's key to wherever it leads.
 */
function sendingAs(at: Endpoint, send = fetch): typeof fetch {
  const headers = headersFor(at);
  return (url, init) => send(url, { ...init, headers, redirect: 'manual' });
}
