import type { ChatProvider } from '../model-provider.js';
import type { ChatProtocol } from '../pass-through.js';

/** What the fake upstream is to do with the next chat call; `{}` is a good answer. */
export interface UpstreamBehaviour {
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

/** A chat call as the fake upstream saw it. Tokens are what it billed: zero after a refusal. */
export interface UpstreamCall {
  state: 'running' | 'completed' | 'cancelled' | 'failed' | 'refused';
  outputLimit: number | undefined;
  /** The body as it was understood; needed for providers that pass calls through. */
  request?: Readonly<Record<string, unknown>>;
  inputTokens: number;
  outputTokens: number;
}

/** A fake of the provider's server that speaks its real protocol on loopback, so that the real client is what is tested. */
export interface ModelUpstream {
  next(behaviour: UpstreamBehaviour): void | Promise<void>;
  /** Chat calls only, oldest first. */
  readonly calls: readonly UpstreamCall[];
}

export interface OpenedProvider {
  provider: ChatProvider;
  upstream: ModelUpstream;
  close(): Promise<void>;
}

export interface ModelProviderSubject {
  /** A model that the upstream serves. */
  model: string;
  /** A provider with a fresh upstream; called once for each check. */
  open(): Promise<OpenedProvider>;
  /** A provider at whose address nobody listens. */
  unreachable(): ChatProvider | Promise<ChatProvider>;
  /** What the provider passes through, and the fake upstream speaks. */
  passThrough?: readonly ChatProtocol[];
}
