import type { Forecast } from '@purser/contracts';
import { formatUsd, maxNano, minNano, type Nano, sumNano } from '@purser/money';
import { quantile } from './quantile.js';

const DAY_MS = 86_400_000;
/** A day of each kind, at least. */
const FEWEST_DAYS = 7;
export const MOST_DAYS = 56;
/** Fewer days of one kind tell little of how much they vary; then all days are looked at. */
const FEWEST_OF_KIND = 4;

const MEDIAN = 500;
const LOW = 100;
const HIGH = 900;

export interface SpendSoFar {
  at: Date;
  /** When the first cent was spent, or the first free call made; undefined when nothing was yet. */
  since: Date | undefined;
  /** By the UTC day's first instant, in milliseconds; days without spend may be left out. */
  byDay: ReadonlyMap<number, Nano>;
}

/** What this month will have cost: the rule stands at the contract. Days are those of UTC. */
export function forecast({ at, since, byDay }: SpendSoFar): Forecast {
  const today = dayOf(at);
  const spentOn = (day: number) => byDay.get(day * DAY_MS) ?? 0n;
  // The day on which it all began is not a whole one.
  const first = since === undefined ? today : Math.max(dayOf(since) + 1, today - MOST_DAYS);
  const history = range(first, today);
  if (history.length < FEWEST_DAYS) {
    return { enough: false, days: Math.max(0, history.length), projectedUsd: null, lowUsd: null, highUsd: null };
  }
  const monthBegan = Date.UTC(at.getUTCFullYear(), at.getUTCMonth(), 1) / DAY_MS;
  const monthEnds = Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1, 1) / DAY_MS;
  const soFar = sumNano(range(monthBegan, today + 1).map(spentOn));
  const all = history.map(spentOn);
  const alike = (day: number) => history.filter((one) => (day - one) % 7 === 0).map(spentOn);
  const expected = (permille: number): Nano => {
    const usual = (day: number): Nano => {
      const kind = alike(day);
      return quantile(permille === MEDIAN || kind.length >= FEWEST_OF_KIND ? kind : all, permille);
    };
    const restOfToday = maxNano(0n, usual(today) - spentOn(today));
    return soFar + restOfToday + sumNano(range(today + 1, monthEnds).map(usual));
  };
  const projected = expected(MEDIAN);
  return {
    enough: true,
    days: history.length,
    projectedUsd: formatUsd(projected),
    lowUsd: formatUsd(minNano(projected, expected(LOW))),
    highUsd: formatUsd(maxNano(projected, expected(HIGH))),
  };
}

const dayOf = (at: Date): number => Math.floor(at.getTime() / DAY_MS);

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
