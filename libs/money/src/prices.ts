import { decimalText, parsePrice } from './decimals.js';
import type { Nano } from './usd.js';

/**
 * Nano-dollars per million tokens, as providers print them: $0.25 per million is `250_000_000n`, and one token of it costs
 * 250 nano-dollars. What is left out costs what stands after the arrow.
 */
export interface TokenRates {
  inputPerMillion: Nano;
  /** Input tokens that were served from the provider's prompt cache. -> input */
  cachedPerMillion?: Nano;
  /** Input tokens that were written to it, for its standard time. -> input */
  cacheWritePerMillion?: Nano;
  /** The same for the longer time. -> cacheWrite */
  cacheWriteLongPerMillion?: Nano;
  /** -> input */
  audioInputPerMillion?: Nano;
  /** -> input */
  imageInputPerMillion?: Nano;
  outputPerMillion: Nano;
  /** -> output */
  audioOutputPerMillion?: Nano;
  /** -> output */
  imageOutputPerMillion?: Nano;
}

/** What a model costs, in nano-dollars. Never changed once it is in use: what follows from it is kept beside it. */
export interface Price extends TokenRates {
  /** Audio that is listened to, per minute. */
  perMinute?: Nano;
  /** Per generated image. */
  perImage?: Nano;
  /** False where the model is billed by the minute or the image alone: its zero per token is no price. */
  perToken?: false;
  /** Of a whole call with more input tokens than this. Rates that it leaves out are those of shorter calls. */
  longContext?: { aboveInputTokens: number; rates: Partial<TokenRates> };
  /**
   * Of a call that the provider bills under another service tier, by the name that its answer gives. Rates that a tier
   * leaves out are the standard ones. Where it says nothing of long contexts, they cost the dearer of its own rate and the
   * standard one for them.
   */
  tiers?: Readonly<Record<string, Partial<TokenRates> & { longContext?: Partial<TokenRates> }>>;
}

type Amount = string | number;

export interface RatesInUsd {
  inputPerMillionUsd?: Amount | undefined;
  cachedPerMillionUsd?: Amount | undefined;
  cacheWritePerMillionUsd?: Amount | undefined;
  cacheWriteLongPerMillionUsd?: Amount | undefined;
  audioInputPerMillionUsd?: Amount | undefined;
  imageInputPerMillionUsd?: Amount | undefined;
  outputPerMillionUsd?: Amount | undefined;
  audioOutputPerMillionUsd?: Amount | undefined;
  imageOutputPerMillionUsd?: Amount | undefined;
}

/** Prices as people write them: dollars, as decimal strings or numbers. */
export interface PriceInUsd extends RatesInUsd {
  perMinuteUsd?: Amount | undefined;
  perImageUsd?: Amount | undefined;
  longContext?: (RatesInUsd & { aboveInputTokens: number }) | undefined;
  tiers?: Record<string, RatesInUsd & { longContext?: RatesInUsd | undefined }> | undefined;
}

const RATES = [
  'inputPerMillion',
  'cachedPerMillion',
  'cacheWritePerMillion',
  'cacheWriteLongPerMillion',
  'audioInputPerMillion',
  'imageInputPerMillion',
  'outputPerMillion',
  'audioOutputPerMillion',
  'imageOutputPerMillion',
] as const satisfies readonly (keyof TokenRates)[];

function ratesFromUsd(usd: RatesInUsd): Partial<TokenRates> {
  const rates: Partial<TokenRates> = {};
  for (const rate of RATES) {
    const amount = usd[`${rate}Usd`];
    if (amount !== undefined) rates[rate] = parsePrice(amount);
  }
  return rates;
}

export function priceFromUsd(usd: PriceInUsd): Price {
  const { longContext, tiers, perMinuteUsd, perImageUsd } = usd;
  const rates = ratesFromUsd(usd);
  const inputPerMillion = rates.inputPerMillion ?? 0n;
  return {
    outputPerMillion: 0n,
    ...rates,
    inputPerMillion,
    ...(rates.inputPerMillion === undefined && rates.outputPerMillion === undefined ? { perToken: false } : {}),
    ...(perMinuteUsd === undefined ? {} : { perMinute: parsePrice(perMinuteUsd) }),
    ...(perImageUsd === undefined ? {} : { perImage: parsePrice(perImageUsd) }),
    ...(longContext
      ? { longContext: { aboveInputTokens: longContext.aboveInputTokens, rates: ratesFromUsd(longContext) } }
      : {}),
    ...(tiers
      ? { tiers: Object.fromEntries(Object.entries(tiers).map(([name, tier]) => [name, tierFromUsd(tier)])) }
      : {}),
  };
}

function tierFromUsd(usd: RatesInUsd & { longContext?: RatesInUsd | undefined }) {
  return { ...ratesFromUsd(usd), ...(usd.longContext ? { longContext: ratesFromUsd(usd.longContext) } : {}) };
}

const PER_1K = /^(\d+)(?:\.(\d{1,12}))?$/;

/** One figure for input and output alike, in dollars per thousand tokens: `0.01` is $10 per million. At most 12 decimal places. */
export function priceFromCostPer1k(usd: string | number): Price {
  const text = decimalText(usd);
  const match = PER_1K.exec(text);
  if (!match)
    throw new RangeError(`"${text}" is not an amount in dollars per 1,000 tokens such as "0.01", not negative`);
  // Per thousand in 1e-12 dollars is, digit for digit, per million in nano-dollars.
  const perMillion = BigInt(match[1] ?? '0') * 1_000_000_000_000n + BigInt((match[2] ?? '').padEnd(12, '0'));
  return { inputPerMillion: perMillion, outputPerMillion: perMillion };
}

const allZero = (rates: Partial<TokenRates> | undefined): boolean =>
  rates === undefined || RATES.every((rate) => (rates[rate] ?? 0n) === 0n);

/** Whether nothing at all costs anything. */
export const isFreeOfCharge = (price: Price): boolean =>
  allZero(price) &&
  (price.perMinute ?? 0n) === 0n &&
  (price.perImage ?? 0n) === 0n &&
  allZero(price.longContext?.rates) &&
  Object.values(price.tiers ?? {}).every((tier) => allZero(tier) && allZero(tier.longContext));

/** Whether a call that is billed by tokens, or by these, has its price in `price`. */
export const covers = (price: Price, by: { audioSeconds?: number; images?: number }): boolean =>
  price.perToken !== false ||
  (by.audioSeconds !== undefined && price.perMinute !== undefined) ||
  (by.images !== undefined && price.perImage !== undefined);
