import type { Price } from './prices.js';
import { type Rates, ratesOf } from './rates.js';
import type { Nano } from './usd.js';

/** Counts as a provider bills them; the SDK's `Usage`. Parts are inside `inputTokens` and `outputTokens`; left out is zero. */
export interface BilledUsage {
  inputTokens: number;
  outputTokens: number;
  cachedTokens: number;
  cacheWriteTokens?: number | undefined;
  cacheWriteLongTokens?: number | undefined;
  audioInputTokens?: number | undefined;
  imageInputTokens?: number | undefined;
  audioOutputTokens?: number | undefined;
  imageOutputTokens?: number | undefined;
  audioSeconds?: number | undefined;
  images?: number | undefined;
  serviceTier?: string | undefined;
}

const MILLION = 1_000_000n;
/** A minute's price falls to its seconds, and token prices to millionths: both are whole in this. */
const SIXTY = 60n;

/** Nano-dollars for so many nano-dollar-tokens per million, rounded up once. */
export const perMillion = (total: bigint): Nano => (total + MILLION - 1n) / MILLION;

/** The same of sixtieths of them. */
export const perSixtyMillion = (total: bigint): Nano => (total + SIXTY * MILLION - 1n) / (SIXTY * MILLION);

/** Sixtieths of nano-dollars per million for what is not billed by tokens. Seconds of audio are begun ones. */
export function beyondTokens({ perMinute = 0n, perImage = 0n }: Price, seconds: number, images: number): bigint {
  const audio = seconds === 0 ? 0n : BigInt(Math.ceil(seconds)) * perMinute * MILLION;
  return images === 0 ? audio : audio + BigInt(images) * perImage * MILLION * SIXTY;
}

const count = (value: number | undefined): boolean =>
  value === undefined || (Number.isSafeInteger(value) && value >= 0);

/** Whether a call can have been like this: whole counts, and no part larger than its whole. */
export function isPossible(usage: BilledUsage): boolean {
  const { inputTokens, outputTokens, cachedTokens, audioSeconds = 0 } = usage;
  const { cacheWriteTokens = 0, cacheWriteLongTokens = 0, audioInputTokens = 0, imageInputTokens = 0 } = usage;
  const { audioOutputTokens = 0, imageOutputTokens = 0, images } = usage;
  return (
    count(inputTokens) &&
    count(outputTokens) &&
    count(cachedTokens) &&
    count(cacheWriteTokens) &&
    count(cacheWriteLongTokens) &&
    count(audioInputTokens) &&
    count(imageInputTokens) &&
    count(audioOutputTokens) &&
    count(imageOutputTokens) &&
    count(images) &&
    Number.isSafeInteger(Math.ceil(audioSeconds)) &&
    audioSeconds >= 0 &&
    // A token is read from the cache, written to it or neither; and it is of one medium.
    cachedTokens + cacheWriteTokens + cacheWriteLongTokens <= inputTokens &&
    audioInputTokens + imageInputTokens <= inputTokens &&
    audioOutputTokens + imageOutputTokens <= outputTokens
  );
}

/**
 * What a call costs: every kind of token at its price, with audio and images, summed exactly and rounded up once to a whole
 * nano-dollar. Throws a RangeError for counts that are not possible.
 */
export function cost(price: Price, usage: BilledUsage): Nano {
  if (!isPossible(usage)) throw new RangeError(`impossible counts: ${JSON.stringify(usage)}`);
  const rates = ratesOf(price, usage.serviceTier, usage.inputTokens);
  const tokens = inputCost(rates, usage) + outputCost(rates, usage);
  const { audioSeconds = 0, images = 0 } = usage;
  if (audioSeconds === 0 && images === 0) return perMillion(tokens);
  return perSixtyMillion(tokens * SIXTY + beyondTokens(price, audioSeconds, images));
}

const at = (tokens: number, rate: Nano): bigint => (tokens === 0 ? 0n : BigInt(tokens) * rate);

function inputCost(rates: Rates, usage: BilledUsage): bigint {
  const { inputTokens, cachedTokens } = usage;
  const { cacheWriteTokens = 0, cacheWriteLongTokens = 0, audioInputTokens = 0, imageInputTokens = 0 } = usage;
  const plain =
    inputTokens - cachedTokens - cacheWriteTokens - cacheWriteLongTokens - audioInputTokens - imageInputTokens;
  if (plain < 0) return overlapping(rates, usage);
  return (
    at(plain, rates.inputPerMillion) +
    at(cachedTokens, rates.cachedPerMillion) +
    at(cacheWriteTokens, rates.cacheWritePerMillion) +
    at(cacheWriteLongTokens, rates.cacheWriteLongPerMillion) +
    at(audioInputTokens, rates.audioInputPerMillion) +
    at(imageInputTokens, rates.imageInputPerMillion)
  );
}

/** Some tokens are counted twice, as cached audio is, and nobody says which: each costs the dearest that is left. */
function overlapping(rates: Rates, usage: BilledUsage): bigint {
  const parts: [number, Nano][] = [
    [usage.cachedTokens, rates.cachedPerMillion],
    [usage.cacheWriteTokens ?? 0, rates.cacheWritePerMillion],
    [usage.cacheWriteLongTokens ?? 0, rates.cacheWriteLongPerMillion],
    [usage.audioInputTokens ?? 0, rates.audioInputPerMillion],
    [usage.imageInputTokens ?? 0, rates.imageInputPerMillion],
  ];
  parts.sort(([, a], [, b]) => (a === b ? 0 : a > b ? -1 : 1));
  let left = usage.inputTokens;
  let total = 0n;
  for (const [tokens, rate] of parts) {
    const counted = Math.min(tokens, left);
    total += at(counted, rate);
    left -= counted;
  }
  return total;
}

function outputCost(rates: Rates, usage: BilledUsage): bigint {
  const { outputTokens, audioOutputTokens = 0, imageOutputTokens = 0 } = usage;
  return (
    at(outputTokens - audioOutputTokens - imageOutputTokens, rates.outputPerMillion) +
    at(audioOutputTokens, rates.audioOutputPerMillion) +
    at(imageOutputTokens, rates.imageOutputPerMillion)
  );
}
