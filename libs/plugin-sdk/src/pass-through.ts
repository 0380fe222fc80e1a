import type { CallOptions } from './model-provider.js';

/** What clients speak to a gateway: OpenAI's chat completions and responses, Anthropic's messages. */
export type ChatProtocol = 'chat-completions' | 'responses' | 'messages';

export interface PassThroughRequest {
  /** The JSON body, ready to be sent, in pieces. */
  body: readonly Uint8Array[];
  streaming: boolean;
  /** Headers of the client that belong to the protocol (`anthropic-beta`); lower case. Never its key. */
  headers: Readonly<Record<string, string>>;
}

/** Takes one piece after the other; a promise when the next one must wait for it. What it throws ends the reading. */
export type TakeBytes = (bytes: Uint8Array) => Promise<void> | undefined;

/** What is read once, in pieces. */
export interface BytesInPieces extends AsyncIterable<Uint8Array> {
  /** Reads all of it without a promise for each piece, which costs a stream of many small ones a good part of its time. */
  pushTo?(take: TakeBytes): Promise<void>;
}

/** An answer with a status of success whose body has not been read yet. */
export interface PassThroughAnswer {
  contentType: string;
  /** Leaving it, or aborting the signal, cancels the call upstream. Rejects with a ProviderError when the connection breaks. */
  body: BytesInPieces;
}

/** Reads all of a body, the shortest way that it offers. */
export const readAll = async (body: BytesInPieces, take: TakeBytes): Promise<void> =>
  body.pushTo ? body.pushTo(take) : pull(body, take);

async function pull(body: BytesInPieces, take: TakeBytes): Promise<void> {
  for await (const bytes of body) await take(bytes);
}

/** The way of a call whose client and provider speak the same protocol. */
export interface PassThrough {
  /**
   * Last touches on a body that is a valid request of the protocol, with the model and the output limit set: for servers
   * that know a parameter by another name. Must not change its argument. The body may hold marks in the place of long
   * texts, which are put back when it is sent: look at names and short values alone.
   */
  adapt?(body: Readonly<Record<string, unknown>>, streaming: boolean): Record<string, unknown>;
  /** How the provider itself counts the input tokens of a body, at no cost. */
  readonly counting?: {
    /** The part of a body that the count depends on; as in `adapt` the body may hold marks. */
    reduce(body: Readonly<Record<string, unknown>>): Record<string, unknown>;
    count(request: Omit<PassThroughRequest, 'streaming'>, options: CallOptions): Promise<number>;
  };
  /** Resolves when the answer's head is there; rejects with a ProviderError for any status that is not a success. */
  send(request: PassThroughRequest, options: CallOptions): Promise<PassThroughAnswer>;
}
