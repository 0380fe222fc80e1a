import type { OffloadPriority, Profile, WeightPart } from '@purser/contracts';

export interface Weight {
  /** 0 to 100. */
  weight: number;
  parts: WeightPart[];
}

/**
 * How much is won by having a component elsewhere. Each part grows with what it is made of and never reaches its most:
 * memory gives 40 of its 80 points at HEAVY_COMPONENT_RAM_MB, which is the standard of MIN_WEIGHT_FOR_OFFLOAD too, so
 * that a component that is heavy by its memory is one that may be offloaded.
 */
export function weightOf(profile: Pick<Profile, 'memoryMb' | 'startSeconds' | 'cpuSeconds'>, heavyMb: number): Weight {
  const { memoryMb, startSeconds, cpuSeconds } = profile;
  const parts = [
    part('memory', 80, memoryMb, heavyMb, `${shown(memoryMb)} MB, where ${shown(heavyMb)} MB is heavy`),
    part('cpu', 12, cpuSeconds ?? 0, 1, cpuSeconds === null ? 'not known' : `${shown(cpuSeconds)} s of a processor`),
    part('start', 8, startSeconds ?? 0, 10, startSeconds === null ? 'not known' : `${shown(startSeconds)} s to load`),
  ];
  const sum = parts.reduce((total, { points }) => total + points, 0);
  return { weight: Math.min(100, Math.round(sum * 10) / 10), parts };
}

/** `half`: where half of the points are reached. */
const part = (name: string, of: number, value: number, half: number, because: string): WeightPart => ({
  part: name,
  points: Math.round(((of * value) / (value + half)) * 100) / 100,
  of,
  because,
});

const shown = (value: number): string => String(Math.round(value * 10) / 10);

/** In the order in which components would be moved. */
export function priorityOf(weight: number | undefined, movable: boolean, leastWeight: number): OffloadPriority {
  if (!movable || weight === undefined) return 'never';
  if (weight < leastWeight) return 'low';
  if (weight >= Math.max(80, leastWeight)) return 'critical';
  return weight >= Math.max(60, leastWeight) ? 'high' : 'medium';
}

/** By a component's evidence, for people. */
export const EVIDENCE_WORDS: Readonly<Record<Profile['evidence'], string>> = {
  live: 'seen at its running container',
  measured: 'measured by importing it in a process of its own',
  configured: 'as components.json says',
  static: 'estimated from its sources, which were not run',
};
