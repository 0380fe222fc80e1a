import { beyondTokens, perMillion, perSixtyMillion } from './cost.js';
import type { Price } from './prices.js';
import { boundOf, type InputKind, type OutputKind } from './rates.js';
import type { Nano } from './usd.js';

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

/**
 * Tokens that a text may have more where it is cut, or put next to another one: a tokenizer splits into words first, so
 * a seam changes the words on both its sides, and few tokens of them.
 */
const TOKENS_PER_SEAM = 8;

/**
 * Input tokens of a call whose texts a tokenizer counted, one by one; `rest` is what it did not count. From above as long
 * as the model has that tokenizer, and what is put around each text is bounded by `inputTokenBound`.
 */
export const tokenizedBound = (counted: { tokens: number; seams: number }, rest: PromptSize): number =>
  inputTokenBound(rest) + counted.tokens + counted.seams * TOKENS_PER_SEAM;

/** Of what a provider counts itself, so much may be missing: a twentieth. */
const COUNT_MARGIN = 20;

/**
 * Input tokens of a call that its provider counted itself, tools and pictures included. Anthropic calls its count an
 * estimate that "may differ by a small amount" ("Token counting", platform.claude.com) without saying by how much; hence
 * a margin, and room for a frame as if it had counted none.
 */
export const providerCountBound = (
  tokens: number,
  { messages, tools }: Pick<PromptSize, 'messages' | 'tools'>,
): number => tokens + Math.ceil(tokens / COUNT_MARGIN) + inputTokenBound({ textBytes: 0, messages, tools, images: 0 });

/** A model's safety factor in thousandths: 1000 changes nothing, 1500 holds half as much again. Never below 1000. */
export type Permille = number;
export const NO_SAFETY: Permille = 1000;

export interface WorstCase {
  inputTokens: number;
  /** Output limit of one choice. */
  maxOutputTokens: number;
  choices: number;
  safety: Permille;
  /** Seconds of audio that are listened to. */
  audioSeconds?: number | undefined;
  /** Images that are made, over all choices. */
  images?: number | undefined;
  /** The service tier that the request names. Without one it may be billed under any that the price knows. */
  serviceTier?: string | undefined;
  /** Kinds of tokens that the request rules out; without this any token may be the dearest. */
  without?: readonly (InputKind | OutputKind)[] | undefined;
}

/** What the call costs without output, and what each token of one choice adds. */
interface Slope {
  fixed: bigint;
  perToken: bigint;
  /** Whether these are sixtieths of nano-dollars per million: audio is priced by the minute. */
  sixtieths: boolean;
}

function slope(price: Price, worst: Omit<WorstCase, 'maxOutputTokens'>): Slope {
  const { inputTokens, choices, safety, audioSeconds = 0, images = 0, serviceTier, without } = worst;
  if (safety < NO_SAFETY) throw new RangeError(`a safety factor of ${safety} thousandths is below 1000`);
  const { input, output } = boundOf(price, serviceTier, inputTokens, without);
  const fixed = BigInt(inputTokens) * input;
  const perToken = choices === 1 ? output : BigInt(choices) * output;
  if (audioSeconds === 0 && images === 0) return { fixed, perToken, sixtieths: false };
  return { fixed: fixed * 60n + beyondTokens(price, audioSeconds, images), perToken: perToken * 60n, sixtieths: true };
}

/**
 * The most that a call can cost: bounded input at the dearest input price that it may be billed at, the output limit of
 * every choice at the dearest output price, audio and images, times the model's safety factor. For all usage within these
 * bounds, whatever its parts, its length and the tier that its answer names, `cost(price, usage) <= hold(price, worst)`.
 */
export function hold(price: Price, worst: WorstCase): Nano {
  const { fixed, perToken, sixtieths } = slope(price, worst);
  const exact = fixed + BigInt(worst.maxOutputTokens) * perToken;
  const total = worst.safety === NO_SAFETY ? exact : (exact * BigInt(worst.safety) + 999n) / 1000n;
  return sixtieths ? perSixtyMillion(total) : perMillion(total);
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
  const { fixed, perToken, sixtieths } = slope(price, worst);
  // The hold's roundings need no care: each rounds up to units that `available` is a whole number of.
  const room = (available * (sixtieths ? 60_000_000_000n : 1_000_000_000n)) / BigInt(worst.safety) - fixed;
  if (room < 0n) return 0;
  if (perToken === 0n) return most;
  const fits = room / perToken;
  return fits >= BigInt(most) ? most : Number(fits);
}

/** The safety factor with which a hold would have covered `actual`, with a tenth to spare. */
export function raisedSafety(current: Permille, held: Nano, actual: Nano): Permille {
  if (held <= 0n || actual <= held) return current;
  const needed = (BigInt(current) * actual * 11n + held * 10n - 1n) / (held * 10n);
  return Number(needed > 100_000n ? 100_000n : needed);
}
