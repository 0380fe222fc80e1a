import { perMillion, type Price } from './prices.js';
import { maxNano, type Nano } from './usd.js';

/** What becomes the prompt of a call, as far as its length goes. */
export interface PromptSize {
  /** UTF-8 bytes of everything that becomes prompt: messages, tools, response format; as JSON or without its marks. */
  textBytes: number;
  messages: number;
  tools: number;
  /** Pictures sent as data; their bytes need not be part of `textBytes`. */
  images: number;
}

/** Of the frame around every prompt, and of what a provider puts before it (a date, a reply's priming). */
const TOKENS_PER_CALL = 128;
const TOKENS_PER_MESSAGE = 8;
const TOKENS_PER_TOOL = 64;
const TOKENS_PER_IMAGE = 50_000;

/**
 * Input tokens of a call, bounded from above without a tokenizer.
 *
 * - Text: a token of a byte-level BPE (GPT-2 and everything after it from OpenAI, Llama 3, Qwen, Mistral's tekken) or of
 *   SentencePiece with byte fallback (Llama 2, Gemma) stands for at least one byte, so there are at most as many tokens
 *   as UTF-8 bytes. JSON escapes only add bytes. (Radford et al. 2019, section 2.2; Kudo and Richardson 2018.)
 * - Frame: OpenAI counts 3 tokens a message, 1 for a name and 3 for the reply's priming (OpenAI Cookbook, "How to count
 *   tokens with tiktoken"); other chat templates need up to 5 a message. Tools are rendered more briefly than their JSON.
 * - Images: the dearest rule that OpenAI documents, 2,833 + 5,667 for each of at most 8 tiles (gpt-4o-mini, "Images and
 *   vision", calculating costs), is 48,169 tokens; Anthropic's and Google's are far below it.
 *
 * A provider that counts more than this is met by the model's safety factor; see `hold`.
 */
export function inputTokenBound({ textBytes, messages, tools, images }: PromptSize): number {
  return (
    textBytes + TOKENS_PER_CALL + messages * TOKENS_PER_MESSAGE + tools * TOKENS_PER_TOOL + images * TOKENS_PER_IMAGE
  );
}

/** A model's safety factor in thousandths: 1000 changes nothing, 1500 holds half as much again. Never below 1000. */
export type Permille = number;
export const NO_SAFETY: Permille = 1000;

export interface WorstCase {
  inputTokens: number;
  /** Output limit of one choice. */
  maxOutputTokens: number;
  choices: number;
  safety: Permille;
}

/**
 * The most that a call can cost: bounded input at the dearer of the input prices, and the output limit for every choice,
 * times the model's safety factor. For all usage within these bounds `cost(price, usage) <= hold(price, worst)`.
 */
export function hold(price: Price, { inputTokens, maxOutputTokens, choices, safety }: WorstCase): Nano {
  if (safety < NO_SAFETY) throw new RangeError(`a safety factor of ${safety} thousandths is below 1000`);
  const input = BigInt(inputTokens) * maxNano(price.inputPerMillion, price.cachedPerMillion);
  const output = BigInt(maxOutputTokens) * BigInt(choices) * price.outputPerMillion;
  return perMillion(((input + output) * BigInt(safety) + 999n) / 1000n);
}

/**
 * The largest output limit whose hold fits into `available`, or 0 when not even the input fits. Free output has no limit
 * of its own: `most` is returned.
 */
export function affordableOutput(
  price: Price,
  worst: Omit<WorstCase, 'maxOutputTokens'>,
  available: Nano,
  most: number,
): number {
  const within = (maxOutputTokens: number) => hold(price, { ...worst, maxOutputTokens }) <= available;
  if (!within(0)) return 0;
  if (within(most)) return most;
  let fits = 0;
  for (let tooMany = most; tooMany - fits > 1;) {
    const middle = Math.floor((fits + tooMany) / 2);
    if (within(middle)) fits = middle;
    else tooMany = middle;
  }
  return fits;
}

/** The safety factor with which a hold would have covered `actual`, with a tenth to spare. */
export function raisedSafety(current: Permille, held: Nano, actual: Nano): Permille {
  if (held <= 0n || actual <= held) return current;
  const needed = (BigInt(current) * actual * 11n + held * 10n - 1n) / (held * 10n);
  return Number(needed > 100_000n ? 100_000n : needed);
}
