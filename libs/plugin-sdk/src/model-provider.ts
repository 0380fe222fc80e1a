import type { CallEnding } from './call-ending.js';
import type { ChatProtocol, PassThrough } from './pass-through.js';
import type {
  EmbeddingAnswer,
  EmbeddingRequest,
  ImageAnswer,
  ImageRequest,
  Transcription,
  TranscriptionRequest,
} from './media.js';
import type { SetAside } from './set-aside.js';
import type { Usage } from './usage.js';

/** One message in the OpenAI chat shape. Fields that are not named here travel unchanged. */
export interface ChatMessage {
  role: string;
  content?: unknown;
  [field: string]: unknown;
}

/** An OpenAI chat completion request as it goes to the provider: `model` is the provider's own name, and it always has an output limit. */
export interface ChatRequest {
  model: string;
  messages: ChatMessage[];
  /** The output limit that the hold was computed with. A provider must pass it on, under whatever name its protocol has. */
  max_completion_tokens: number;
  [parameter: string]: unknown;
}

/** An OpenAI chat completion object, and what it cost in tokens (undefined when the provider did not say). */
export interface ChatAnswer {
  completion: Record<string, unknown>;
  usage: Usage | undefined;
}

/** One OpenAI `chat.completion.chunk`; the usage comes with the last one. */
export interface ChatChunk {
  chunk: Record<string, unknown>;
  usage?: Usage;
}

export interface CallOptions {
  /** Aborting it must cancel the call upstream; the call then rejects with the signal's reason, and may be billed. */
  signal: AbortSignal;
  /**
   * The gateway's own, for `httpPassThrough`: what `signal` tells, for less, since the signal is only made when somebody
   * reads it. Plugins listen to `signal`; a copy of these options has this one alone.
   * @internal
   */
  ending?: CallEnding;
  /** Only for a provider that `takesMarks`, and only when there are some in the request. */
  setAside?: SetAside;
}

export type ProviderCheck =
  | { available: true; /** Names it can serve now, when it can say. */ models?: string[] }
  | { available: false; /** What is missing and how to mend it. */ reason: string };

/** How far the fetching of a model has come. */
export interface PullProgress {
  status: string;
  completedBytes?: number;
  totalBytes?: number;
}

/** Tokenizers that the gateway has, by the names that OpenAI gave them. */
export const TOKENIZERS = ['o200k_base', 'cl100k_base'] as const;
export type Tokenizer = (typeof TOKENIZERS)[number];

/** What a provider may offer; a tier whose provider lacks what a call needs is passed over. `chat` and `streamChat` come together. */
export interface ModelProvider {
  /** Whether it could serve a call now. Must answer within 3 s and cost nothing. */
  check(options: CallOptions): Promise<ProviderCheck>;
  chat?(request: ChatRequest, options: CallOptions): Promise<ChatAnswer>;
  streamChat?(request: ChatRequest, options: CallOptions): AsyncIterable<ChatChunk>;
  /**
   * Long texts in the `content` of a chat request's messages may come as marks, which stand for bytes: `chat`, `streamChat`
   * and `countTokens` look at how they begin alone (128 characters of them are there), and send their bodies through
   * `options.setAside` (see `fillingFetch`). Without it all texts are whole.
   */
  readonly takesMarks?: boolean;
  /** Protocols of clients that it speaks itself: such calls travel untranslated. */
  readonly passThrough?: Readonly<Partial<Record<ChatProtocol, PassThrough>>>;
  /** Input tokens of a chat request as the provider itself counts them, at no cost. */
  countTokens?(request: ChatRequest, options: CallOptions): Promise<number>;
  /**
   * Whether holds may be taken by its count: it is at most a twentieth below what is billed. Without this a count only
   * answers clients that ask for one.
   */
  readonly countBoundsInput?: boolean;
  /** The tokenizer of a model, where it is certain: holds are taken by its count. */
  tokenizerOf?(model: string): Tokenizer | undefined;
  /**
   * What a call can name as its `service_tier` so that it is billed at the standard price for certain, where leaving it
   * out leaves the tier to settings that are not the caller's.
   */
  readonly standardServiceTier?: string | undefined;
  embed?(request: EmbeddingRequest, options: CallOptions): Promise<EmbeddingAnswer>;
  generateImages?(request: ImageRequest, options: CallOptions): Promise<ImageAnswer>;
  transcribe?(request: TranscriptionRequest, options: CallOptions): Promise<Transcription>;
  /** Fetches a model to where it runs. */
  pullModel?(model: string, options: CallOptions): AsyncIterable<PullProgress>;
  /** What a call costs that we cancelled: only what was delivered by then, or up to all of its output limit. */
  readonly cancelledCallsBill: 'delivered' | 'full';
  /** Request parameters of chat completions that it cannot honour; a tier is passed over when a call asks for one of them (see `unmetParameters`). */
  readonly unsupportedParameters?: readonly string[];
}

/** A provider that can chat. */
export type ChatProvider = ModelProvider & Required<Pick<ModelProvider, 'chat' | 'streamChat'>>;

export const canChat = (provider: ModelProvider): provider is ChatProvider =>
  provider.chat !== undefined && provider.streamChat !== undefined;

export type ProviderErrorKind =
  'auth' | 'rate_limited' | 'overloaded' | 'invalid_request' | 'model_not_found' | 'timeout' | 'connection' | 'unknown';

/** How a provider fails. Anything else that is thrown counts as `unknown`, with the cost unknown too. */
export class ProviderError extends Error {
  readonly kind: ProviderErrorKind;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;
  /** Whether the provider may bill this attempt all the same: true when the request may have reached it and no refusal came back. */
  readonly mayBill: boolean;
  /** What the provider says that this attempt is billed for all the same. */
  readonly usage: Usage | undefined;

  constructor(
    kind: ProviderErrorKind,
    message: string,
    options: { status?: number; retryAfterMs?: number; mayBill: boolean; usage?: Usage | undefined; cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.name = 'ProviderError';
    this.kind = kind;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
    this.mayBill = options.mayBill;
    this.usage = options.usage;
  }
}
