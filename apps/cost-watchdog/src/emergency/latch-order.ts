import type { Latch } from '@purser/contracts';

/** The one rule by which all stores agree: the higher serial, and of one serial the cleared state. */
export const isNewer = (a: Latch, b: Latch): boolean =>
  a.serial > b.serial || (a.serial === b.serial && !a.active && b.active);

export function newest(states: readonly (Latch | undefined)[]): Latch | undefined {
  let found: Latch | undefined;
  for (const state of states) if (state && (!found || isNewer(state, found))) found = state;
  return found;
}
