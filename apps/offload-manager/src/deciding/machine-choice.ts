import type { Nano } from '@purser/money';
import type { Offer } from './situation.js';

export interface Machine {
  machineType: string;
  spot: boolean;
  worstCase: Nano;
}

export interface Need {
  neededMb: number;
  /** What may be spent; undefined: no budget counts it. */
  affordable: Nano | undefined;
  preemptions: number;
  /** As whoever asks wants it; undefined: whichever is cheaper. */
  spot?: boolean | undefined;
  optimiseCost: boolean;
  standardType: string;
}

/** Beside the component: the system, Docker and the agent. */
const SYSTEM_MB = 512;
/** What a component was seen to need is not all that it will ever need. */
const HEADROOM = 1.2;
/** What a spot VM that was taken away costs in work done again and in a VM that starts, as a part of its price. */
const PREEMPTION_COST = 0.25;

export const machineMb = (neededMb: number): number => Math.ceil(neededMb * HEADROOM + SYSTEM_MB);

/**
 * The cheapest machine that fits, of equally cheap ones the smallest; spot where that is cheaper with what is lost by
 * machines taken away. `none_fits`: none is large enough. `unaffordable`: none of those is paid for.
 */
export function chooseMachine(offers: readonly Offer[], need: Need): Machine | 'none_fits' | 'unaffordable' {
  const least = machineMb(need.neededMb);
  const fitting = offers.filter(({ memoryMb }) => memoryMb >= least);
  const standard = fitting.filter(({ machineType }) => machineType === need.standardType);
  // Who does not want the cheapest has the one that was named, as long as the component fits.
  const wanted = need.optimiseCost || standard.length === 0 ? fitting : standard;
  if (wanted.length === 0) return 'none_fits';
  const choices = wanted.flatMap((offer) => waysToHave(offer, need)).sort(cheapestFirst);
  const paidFor = choices.find(({ worstCase }) => need.affordable === undefined || worstCase <= need.affordable);
  return paidFor ?? 'unaffordable';
}

type Choice = Machine & { perHour: number; memoryMb: number };

function waysToHave(offer: Offer, { preemptions, optimiseCost, spot }: Need): Choice[] {
  const { machineType, memoryMb, spotPerHour, regularPerHour, spotWorstCase, regularWorstCase } = offer;
  const regular = {
    machineType,
    memoryMb,
    spot: false,
    worstCase: regularWorstCase,
    perHour: Number(regularPerHour),
  };
  if (spot === false || (spot === undefined && !optimiseCost)) return [regular];
  const perHour = Number(spotPerHour) * (1 + PREEMPTION_COST * preemptions);
  const taken = { machineType, memoryMb, spot: true, worstCase: spotWorstCase, perHour };
  return spot === true ? [taken] : [taken, regular];
}

/** At the same price a machine that is not taken away. */
const cheapestFirst = (a: Choice, b: Choice): number =>
  a.perHour - b.perHour ||
  a.memoryMb - b.memoryMb ||
  Number(a.spot) - Number(b.spot) ||
  (a.machineType < b.machineType ? -1 : 1);
