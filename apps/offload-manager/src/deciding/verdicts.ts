import type { Candidate, Verdict } from './situation.js';

export const nothing = (code: string, reason: string): Verdict => ({
  action: 'none',
  code,
  reason,
  urgent: false,
  moves: [],
});

/** Whether something has been so for at least that long. */
export const heldFor = (since: Date | undefined, now: Date, ms: number): boolean =>
  since !== undefined && now.getTime() - since.getTime() >= ms;

export const sumOf = <T>(all: readonly T[], value: (one: T) => number): number =>
  all.reduce((sum, one) => sum + value(one), 0);

export const heaviestFirst = (a: Candidate, b: Candidate): number => b.weight - a.weight || (a.name < b.name ? -1 : 1);
export const lightestFirst = (a: Candidate, b: Candidate): number => heaviestFirst(b, a);
