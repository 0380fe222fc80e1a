import { type Nano, parseUsd } from './usd.js';

/**
 * What a model costs, in nano-dollars. Token prices are per million tokens, as providers print them: $0.25 per million
 * is `250_000_000n`, and one token of it costs 250 nano-dollars.
 *
 * A provider that charges more for writing to its prompt cache than for plain input (Anthropic, GPT-6) is priced safely
 * with the write price as `inputPerMillion`.
 */
export interface Price {
  inputPerMillion: Nano;
  /** Input tokens that were served from the provider's prompt cache. */
  cachedPerMillion: Nano;
  outputPerMillion: Nano;
  /** Audio, per minute. */
  perMinute?: Nano;
  /** Per generated image. */
  perImage?: Nano;
}

/** Counts as a provider bills them: `cachedTokens` are part of `inputTokens`, hidden reasoning is part of `outputTokens`. */
export interface TokenCounts {
  inputTokens: number;
  cachedTokens: number;
  outputTokens: number;
}

/** Prices as people write them: dollars, as decimal strings or numbers. */
export interface PriceInUsd {
  inputPerMillionUsd: string | number;
  /** The input price when left out. */
  cachedPerMillionUsd?: string | number | undefined;
  outputPerMillionUsd: string | number;
  perMinuteUsd?: string | number | undefined;
  perImageUsd?: string | number | undefined;
}

const MILLION = 1_000_000n;

/** Shortest decimal text of a number, without an exponent: `1.5e-7` -> `"0.00000015"`. Exact for what a person typed. */
export function decimalText(value: string | number): string {
  if (typeof value === 'string') return value.trim();
  const [mantissa = '', exponent] = String(value).split('e');
  if (exponent === undefined) return mantissa;
  const [whole = '', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent);
  if (shift >= 0) return whole + fraction.padEnd(shift, '0');
  return `0.${'0'.repeat(-shift - whole.length)}${whole}${fraction}`;
}

/** An amount a person wrote, never negative. Throws a RangeError that says what is right. */
export function parsePrice(value: string | number): Nano {
  const nano = parseUsd(decimalText(value));
  if (nano < 0n) throw new RangeError(`"${value}" is negative; a price is at least 0`);
  return nano;
}

export function priceFromUsd(usd: PriceInUsd): Price {
  const inputPerMillion = parsePrice(usd.inputPerMillionUsd);
  return {
    inputPerMillion,
    cachedPerMillion: usd.cachedPerMillionUsd === undefined ? inputPerMillion : parsePrice(usd.cachedPerMillionUsd),
    outputPerMillion: parsePrice(usd.outputPerMillionUsd),
    ...(usd.perMinuteUsd === undefined ? {} : { perMinute: parsePrice(usd.perMinuteUsd) }),
    ...(usd.perImageUsd === undefined ? {} : { perImage: parsePrice(usd.perImageUsd) }),
  };
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
  return { inputPerMillion: perMillion, cachedPerMillion: perMillion, outputPerMillion: perMillion };
}

/** Whether tokens cost nothing at all. */
export const isFreeOfCharge = (price: Price): boolean =>
  price.inputPerMillion === 0n &&
  price.cachedPerMillion === 0n &&
  price.outputPerMillion === 0n &&
  (price.perMinute ?? 0n) === 0n &&
  (price.perImage ?? 0n) === 0n;

/** Nano-dollars for so many nano-dollar-tokens per million, rounded up once. */
export const perMillion = (total: bigint): Nano => (total + MILLION - 1n) / MILLION;

/**
 * What a call costs: every kind of token at its price, summed exactly and rounded up once to a whole nano-dollar.
 * Throws a RangeError for counts that are not whole numbers, or when more was cached than sent.
 */
export function cost(price: Price, { inputTokens, cachedTokens, outputTokens }: TokenCounts): Nano {
  const input = BigInt(inputTokens);
  const cached = BigInt(cachedTokens);
  const output = BigInt(outputTokens);
  if (input < 0n || cached < 0n || output < 0n || cached > input)
    throw new RangeError(
      `impossible token counts: ${inputTokens} input, ${cachedTokens} of them cached, ${outputTokens} output`,
    );
  return perMillion(
    (input - cached) * price.inputPerMillion + cached * price.cachedPerMillion + output * price.outputPerMillion,
  );
}
