import type { OffloadPriority, Profile } from '@purser/contracts';
import { type Component, whyItStays } from '../components/component.js';
import { EVIDENCE_WORDS, type Weight } from './weight.js';

export interface Scored {
  profile: Profile | undefined;
  weight: Weight | undefined;
  priority: OffloadPriority;
}

/** In sentences: what it needs, how that is known, what weight follows, and whether it can move. */
export function explanationOf(
  component: Component,
  { profile, weight, priority }: Scored,
  leastWeight: number,
): string[] {
  const stays = whyItStays(component);
  return [
    ...(profile ? needs(profile) : ['Nothing is known of what it needs.']),
    ...(weight ? [weightSentence(weight.weight, leastWeight)] : []),
    stays === undefined ? `It can move to a VM; its priority is ${priority}.` : `It stays on this machine: ${stays}.`,
  ];
}

function needs({ evidence, memoryMb, heavyImports, executable, note }: Profile): string[] {
  const heavy = heavyImports.slice(0, 5).map((one) => `${one.name} (${one.memoryMb} MB)`);
  return [
    `It needs ${memoryMb} MB, ${EVIDENCE_WORDS[evidence]}.`,
    ...(heavy.length > 0 ? [`It imports ${heavy.join(', ')}${heavyImports.length > 5 ? ' and more' : ''}.`] : []),
    ...(executable === null ? [] : [`It is a program (${executable}), and so is never imported.`]),
    ...(note === null ? [] : [`Note: ${note}.`]),
  ];
}

const weightSentence = (weight: number, least: number): string =>
  weight >= least
    ? `Its weight is ${weight} of 100, at least the ${least} of MIN_WEIGHT_FOR_OFFLOAD.`
    : `Its weight is ${weight} of 100, below the ${least} of MIN_WEIGHT_FOR_OFFLOAD.`;
