/** Size classes grow by a quarter from 16 tokens on: the figure read from them is at most that much too large. */
const FIRST = 16;
const GROWTH = 1.25;
export const CLASSES = 44;

/** The largest size of a class; the last one has no end, but no model writes more than this. */
export const classLimit = (index: number): number => Math.ceil(FIRST * GROWTH ** index);

export function classOf(tokens: number): number {
  for (let index = 0; index < CLASSES - 1; index++) if (tokens <= classLimit(index)) return index;
  return CLASSES - 1;
}

/** Beyond so many answers the old ones fade: all counts are halved. */
export const FADE_AT = 2_000;

export const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** A size that 99 of 100 answers do not pass, or undefined when there was none yet. */
export function p99(counts: readonly number[]): number | undefined {
  const all = total(counts);
  if (all === 0) return undefined;
  const beyond = Math.ceil(all * 0.99);
  let sum = 0;
  for (const [index, count] of counts.entries()) {
    sum += count;
    if (sum >= beyond) return classLimit(index);
  }
  return classLimit(CLASSES - 1);
}
