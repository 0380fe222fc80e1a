import type { Price, TokenRates } from './prices.js';
import { maxNano, type Nano } from './usd.js';

/** Every rate of one way to be billed; nothing is left to fall back on. */
export type Rates = Required<TokenRates>;

export type InputKind = 'cacheWrite' | 'cacheWriteLong' | 'audioInput' | 'imageInput';
export type OutputKind = 'audioOutput' | 'imageOutput';

interface Sheet {
  short: Rates;
  /** The same object as `short` where length does not matter. */
  long: Rates;
}

interface Card {
  aboveInputTokens: number;
  standard: Sheet;
  tiers: ReadonlyMap<string, Sheet>;
  /** Rate by rate the dearest of the standard and all tiers. */
  dearest: Sheet;
  /** Bounds that were worked out, by what the request rules out and by its length and tier. */
  without: WeakMap<Without, Map<string, Bound>>;
}

/** Prices are few and calls are many: each is worked out once. */
const cards = new WeakMap<Price, Card>();

/** Names under which providers' answers give their standard tier. */
const STANDARD = new Set(['default', 'standard']);

/**
 * What a call is billed at. A tier that the price does not know may be any: then the dearest counts, so that no bill is
 * taken for smaller than it is.
 */
export function ratesOf(price: Price, serviceTier: string | undefined, inputTokens: number): Rates {
  const card = cardOf(price);
  const sheet =
    serviceTier === undefined || STANDARD.has(serviceTier)
      ? card.standard
      : (card.tiers.get(serviceTier) ?? card.dearest);
  return inputTokens > card.aboveInputTokens ? sheet.long : sheet.short;
}

/** The dearest that one token of a call can be billed at. */
export interface Bound {
  input: Nano;
  output: Nano;
}

type Without = readonly (InputKind | OutputKind)[];
const NOTHING: Without = [];

/**
 * Bounds every rate that a call may be billed at, whatever its answer says. A request that names no tier may be billed
 * under any: at OpenAI the project's settings decide. One that names a tier may still be served under the standard one. Up
 * to `inputTokens` the call may turn out short or long.
 */
export function boundOf(
  price: Price,
  requestedTier: string | undefined,
  inputTokens: number,
  without: Without = NOTHING,
): Bound {
  const card = cardOf(price);
  const mayBeLong = inputTokens > card.aboveInputTokens;
  let known = card.without.get(without);
  if (!known) card.without.set(without, (known = new Map<string, Bound>()));
  const length = mayBeLong ? 'long' : 'short';
  const name = requestedTier === undefined ? length : `${length} ${requestedTier}`;
  let most = known.get(name);
  if (!most) {
    most = bound(sheetsFor(card, requestedTier), mayBeLong, without);
    if (known.size < MOST_KNOWN) known.set(name, most);
  }
  return most;
}

/** Names of tiers are the callers'. */
const MOST_KNOWN = 20;

function sheetsFor(card: Card, requestedTier: string | undefined): readonly Sheet[] {
  const named = requestedTier === undefined ? undefined : card.tiers.get(requestedTier);
  const standardAlone = requestedTier !== undefined && STANDARD.has(requestedTier);
  return standardAlone ? [card.standard] : named ? [card.standard, named] : [card.dearest];
}

function bound(sheets: readonly Sheet[], mayBeLong: boolean, without: Without): Bound {
  const rates = sheets.flatMap(({ short, long }) => (mayBeLong ? [short, long] : [short]));
  return {
    input: rates.map((one) => dearestInput(one, without)).reduce(maxNano),
    output: rates.map((one) => dearestOutput(one, without)).reduce(maxNano),
  };
}

function cardOf(price: Price): Card {
  let card = cards.get(price);
  if (!card) cards.set(price, (card = workOut(price)));
  return card;
}

function workOut(price: Price): Card {
  const short = complete(price);
  const long = price.longContext ? complete({ ...price, ...price.longContext.rates }) : short;
  const standard = { short, long };
  const tiers = new Map<string, Sheet>();
  for (const [name, { longContext, ...own }] of Object.entries(price.tiers ?? {})) {
    const ofTier = complete({ ...price, ...own });
    if (!price.longContext) tiers.set(name, { short: ofTier, long: ofTier });
    else if (longContext) tiers.set(name, { short: ofTier, long: complete({ ...price, ...own, ...longContext }) });
    else tiers.set(name, { short: ofTier, long: dearer(ofTier, long) });
  }
  let dearest: Sheet = standard;
  for (const sheet of tiers.values())
    dearest = { short: dearer(dearest.short, sheet.short), long: dearer(dearest.long, sheet.long) };
  return {
    aboveInputTokens: price.longContext?.aboveInputTokens ?? Infinity,
    standard,
    tiers,
    dearest,
    without: new WeakMap(),
  };
}

function complete(rates: TokenRates): Rates {
  const { inputPerMillion: input, outputPerMillion: output } = rates;
  const cacheWritePerMillion = rates.cacheWritePerMillion ?? input;
  return {
    inputPerMillion: input,
    cachedPerMillion: rates.cachedPerMillion ?? input,
    cacheWritePerMillion,
    cacheWriteLongPerMillion: rates.cacheWriteLongPerMillion ?? cacheWritePerMillion,
    audioInputPerMillion: rates.audioInputPerMillion ?? input,
    imageInputPerMillion: rates.imageInputPerMillion ?? input,
    outputPerMillion: output,
    audioOutputPerMillion: rates.audioOutputPerMillion ?? output,
    imageOutputPerMillion: rates.imageOutputPerMillion ?? output,
  };
}

const dearer = (a: Rates, b: Rates): Rates => ({
  inputPerMillion: maxNano(a.inputPerMillion, b.inputPerMillion),
  cachedPerMillion: maxNano(a.cachedPerMillion, b.cachedPerMillion),
  cacheWritePerMillion: maxNano(a.cacheWritePerMillion, b.cacheWritePerMillion),
  cacheWriteLongPerMillion: maxNano(a.cacheWriteLongPerMillion, b.cacheWriteLongPerMillion),
  audioInputPerMillion: maxNano(a.audioInputPerMillion, b.audioInputPerMillion),
  imageInputPerMillion: maxNano(a.imageInputPerMillion, b.imageInputPerMillion),
  outputPerMillion: maxNano(a.outputPerMillion, b.outputPerMillion),
  audioOutputPerMillion: maxNano(a.audioOutputPerMillion, b.audioOutputPerMillion),
  imageOutputPerMillion: maxNano(a.imageOutputPerMillion, b.imageOutputPerMillion),
});

function dearestInput(rates: Rates, without: Without): Nano {
  let most = maxNano(rates.inputPerMillion, rates.cachedPerMillion);
  if (!without.includes('cacheWrite')) most = maxNano(most, rates.cacheWritePerMillion);
  if (!without.includes('cacheWriteLong')) most = maxNano(most, rates.cacheWriteLongPerMillion);
  if (!without.includes('audioInput')) most = maxNano(most, rates.audioInputPerMillion);
  if (!without.includes('imageInput')) most = maxNano(most, rates.imageInputPerMillion);
  return most;
}

function dearestOutput(rates: Rates, without: Without): Nano {
  let most = rates.outputPerMillion;
  if (!without.includes('audioOutput')) most = maxNano(most, rates.audioOutputPerMillion);
  if (!without.includes('imageOutput')) most = maxNano(most, rates.imageOutputPerMillion);
  return most;
}
