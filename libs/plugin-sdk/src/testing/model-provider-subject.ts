import type { ChatProvider, ModelProvider } from '../model-provider.js';
import type { ChatProtocol } from '../pass-through.js';

/** What the fake upstream is to do with the next call; `{}` is a good answer. */
export interface UpstreamBehaviour {
  /** What it says, or hears in a recording. */
  reply?: string;
  /** Refuse with this status; nothing is billed. */
  status?: number;
  headers?: Readonly<Record<string, string>>;
  /** Never answer, or fall silent after the first part of a stream. */
  hang?: 'before' | 'midway';
  /** Close the connection when so many output tokens were sent. */
  dropAfterTokens?: number;
  omitUsage?: boolean;
}

/** A call as the fake upstream saw it. Counts are what it billed: zero after a refusal. */
export interface UpstreamCall {
  state: 'running' | 'completed' | 'cancelled' | 'failed' | 'refused';
  outputLimit: number | undefined;
  /** The body as it was understood; needed for providers that pass calls through. */
  request?: Readonly<Record<string, unknown>>;
  inputTokens: number;
  outputTokens: number;
  images?: number;
  audioSeconds?: number;
}

/** A fake of the provider's server that speaks its real protocol on loopback, so that the real client is what is tested. */
export interface ModelUpstream {
  next(behaviour: UpstreamBehaviour): void | Promise<void>;
  /** Calls that a model answers, oldest first. */
  readonly calls: readonly UpstreamCall[];
}

export interface OpenedProvider<Provider extends ModelProvider = ChatProvider> {
  provider: Provider;
  upstream: ModelUpstream;
  close(): Promise<void>;
}

export interface ModelProviderSubject<Provider extends ModelProvider = ChatProvider> {
  /** A model that the upstream serves. */
  model: string;
  /** A provider with a fresh upstream; called once for each check. */
  open(): Promise<OpenedProvider<Provider>>;
  /** A provider at whose address nobody listens. */
  unreachable(): Provider | Promise<Provider>;
  /** What the provider passes through, and the fake upstream speaks. */
  passThrough?: readonly ChatProtocol[];
}

/** A provider that offers something else than chat, or beside it. */
export type MediaSubject<Member extends 'embed' | 'generateImages' | 'transcribe'> = ModelProviderSubject<
  ModelProvider & Required<Pick<ModelProvider, Member>>
>;
