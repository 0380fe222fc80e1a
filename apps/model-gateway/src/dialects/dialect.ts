import type { PurserError } from '@purser/contracts';
import type { PromptSize, WorstCase } from '@purser/money';
import type { ChatChunk, ChatMessage, ChatProtocol, ProviderError, Usage } from '@purser/plugin-sdk';
import type { ClientBody } from '../bodies/client-body.js';
import type { LongTexts } from '../bodies/long-texts.js';
import type { SseEvent } from './server-sent-events.js';

/** A checked request of a chat protocol, as far as the gateway understands it. Everything else travels on, or is refused, by name. */
export interface ChatCall {
  /** A capability, or a model. */
  model: string;
  /** As the client sent it; long strings are marks. */
  body: Readonly<Record<string, unknown>>;
  longTexts: LongTexts;
  /** Headers of the client that belong to the protocol; lower case. */
  headers: Readonly<Record<string, string>>;
  streaming: boolean;
  /** The caller's own limit; undefined when it gave none. */
  maxOutputTokens: number | undefined;
  /** What the caller calls that limit, for errors. */
  limitParameter: string;
  /** The protocol makes every caller give a limit, so one above what a model can write is no wish for so much. */
  limitRequired?: boolean;
  choices: number;
  size: PromptSize;
  /** Kinds of tokens that it cannot be billed for on a paid tier where a budget applies; a hold need not cover them. */
  rulesOut?: NonNullable<WorstCase['without']>;
  /** The tier of service that the request itself names. */
  serviceTier?: string | undefined;
}

/** A request in terms of chat completions, but for the model and the output limit. */
export interface ChatTranslation {
  body: { messages: ChatMessage[]; [parameter: string]: unknown };
  /** Parameters of the client's protocol that chat completions have no counterpart for, by name; such a tier is passed over. */
  lost: string[];
}

/** What a provider's answer says of itself. */
export interface AnswerFigures {
  /** Undefined when it did not say. */
  usage: Usage | undefined;
  /** Of the model's own text in it. */
  bytes: number;
}

/** One event of a stream in the protocol that client and provider share. */
export interface ReadEvent {
  /** Bytes of the model's text in it. */
  bytes: number;
  /** What the whole call is billed for, as soon as an event says so; the last one counts. */
  usage?: Usage | undefined;
  /** Not for the client, which did not ask for it. */
  hidden?: boolean;
  /** The answer is whole: the stream may end now. */
  ended?: boolean;
  /** The provider reports in mid-stream that it failed. */
  failure?: ProviderError;
}

/** Follows one stream of the shared protocol. */
export interface StreamReader {
  read(event: SseEvent): ReadEvent;
}

/** Turns the chunks of one chat completion stream into the client's protocol. */
export interface StreamWriter {
  write(chunk: ChatChunk): SseEvent[];
  /** What follows when all chunks are there. */
  end(): SseEvent[];
}

/** A protocol that clients speak to the gateway: what is read of it, and how it becomes chat completions and back. All of it pure. */
export interface Dialect {
  readonly name: ChatProtocol;
  /** Throws `invalid_request` naming the field. `headers`: the client's, lower case. */
  read(body: ClientBody, headers: Readonly<Record<string, string | string[] | undefined>>): ChatCall;
  /** Parameters, by name, whose price cannot be told before the call: refused on a paid tier where a budget applies. */
  pricedParameters(call: ChatCall): string[];

  /** The request for a provider that speaks this protocol itself. `limit` is per choice. */
  nativeBody(call: ChatCall, target: { model: string; maxOutputTokens: number }): Record<string, unknown>;
  /** Of a whole answer in this protocol. */
  readAnswer(answer: Readonly<Record<string, unknown>>): AnswerFigures;
  readStream(call: ChatCall): StreamReader;

  toChat(call: ChatCall): ChatTranslation;
  /** A whole chat completion, in this protocol. */
  fromChat(completion: Readonly<Record<string, unknown>>, call: ChatCall): Record<string, unknown>;
  writeStream(call: ChatCall): StreamWriter;

  /** What ends a stream that went well, after everything else. */
  readonly done: SseEvent | undefined;
  /** Where clients of this protocol look for the call's id, besides `x-request-id`. */
  readonly requestIdHeader?: string;
  error(error: PurserError, callId?: string): { status: number; body: object };
  /** An error after the answer had begun: the stream's last event. */
  errorEvent(error: PurserError): SseEvent;
}
