import type { CallRecord } from './bill.js';
import type { Plan } from './plan.js';

/** What a protocol's request says, in terms that both protocols share. */
export interface WireRequest {
  model: string;
  streaming: boolean;
  outputLimit: number | undefined;
  inputTokens: number;
  choices: number;
  /** Whether a stream ends with its usage. */
  streamUsage: boolean;
}

export interface Answer {
  call: CallRecord;
  plan: Plan;
  choices: number;
  inputTokens: number;
  cachedTokens: number;
  cacheWriteTokens: number;
  cacheWriteLongTokens: number;
  /** Whether the counts are told. */
  usage: boolean;
}

/** One protocol's framing; it decides nothing. */
export interface Wire {
  api: CallRecord['api'];
  streamType: string;
  /** Undefined when the body is not a chat request of this protocol. */
  read(body: Record<string, unknown>): WireRequest | undefined;
  error(status: number, message: string, code: string | undefined): unknown;
  whole(answer: Answer): unknown;
  opening(answer: Answer): string[];
  piece(answer: Answer, choice: number, text: string): string;
  closing(answer: Answer): string[];
  errorInStream(message: string): string;
}

export const positive = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined;

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
