import type { Price, PromptSize, WorstCase } from '@purser/money';
import type { CallOptions, ModelProvider } from '@purser/plugin-sdk';
import type { Target } from './way.js';

/**
 * Bounds, from above, of everything that a call may be billed for besides its output. A request that names its service
 * tier or rules out kinds of tokens is held at less; see `hold`.
 */
export interface InputBounds extends Pick<WorstCase, 'serviceTier' | 'without'> {
  inputTokens: number;
  audioSeconds?: number;
  images?: number;
}

/** What a client asks for, whatever it is: ladder, hold, attempt and settlement are the same for all. */
export interface ModelCall {
  /** A capability, or a model. */
  readonly model: string;
  /** Which endpoint it came in by, for the log: `chat-completions`, `embeddings`, ... */
  readonly kind: string;
  readonly streaming: boolean;
  /** The caller's own output limit, per choice; undefined when it gave none. */
  readonly maxOutputTokens: number | undefined;
  /** What the caller calls that limit. */
  readonly limitParameter: string;
  /** Whether a model that cannot write as much as the caller's limit allows will do all the same. */
  readonly limitMayBeCut?: boolean;
  /**
   * Output tokens of each choice, bounded from above, where there is no limit that could be set: pictures have their size,
   * embeddings nothing. Undefined for text, which has a limit.
   */
  readonly outputAtMost?: number;
  readonly choices: number;
  readonly bounds: InputBounds;
  /** Parameters whose price cannot be told before the call from what the model costs, by name. */
  pricedParameters(price: Price): string[];
  /** How this provider would be asked, or why it cannot be. */
  via(provider: ModelProvider, providerName: string): Passage | Unmet;
}

export interface Passage {
  /** How its input can be bounded more tightly than by its bytes; absent where it cannot. */
  readonly counting?: InputCounting;
  /**
   * The tier of service that the provider bills for certain when a call names it, for a call whose client left that to the
   * provider; absent where nothing is to be said.
   */
  readonly standardTier?: string | undefined;
  /** Makes the way to a model, with the output limit of one choice. */
  to(model: string, maxOutputTokens: number, serviceTier?: string): Target;
}

/** What can be counted of a call on its way to one provider. */
export interface InputCounting {
  /** Calls with the same protocol have the same texts. */
  readonly protocol: string;
  readonly size: PromptSize;
  /** As the provider itself counts, at no cost. */
  byProvider?(model: string, options: CallOptions): Promise<number>;
  /** For a tokenizer. */
  texts(): CountableTexts;
}

export interface CountableTexts {
  /** Each becomes prompt as it is. */
  texts: readonly string[];
  /** All the rest of the prompt. */
  rest: PromptSize;
}

/** Something the call asks for that the provider does not do. */
export interface Unmet {
  unmet: string;
  /** The parameter that asks for it. */
  param?: string;
}

export const isUnmet = (passage: Passage | Unmet): passage is Unmet => 'unmet' in passage;
