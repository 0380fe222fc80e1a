export interface SessionCosts {
  /** Tokens of a unit at the beginning of the session, and now that its context is long. */
  fresh: number;
  now: number;
  /** What its units have cost so far beyond what they would have at the beginning. */
  excess: number;
  /** What a hand-over costs: the handoff, and getting into the work again. */
  overhead: number;
  /** Units that are left; undefined when the program does not say. */
  remaining: number | undefined;
}

/**
 * Whether a fresh session is cheaper from here on: as soon as what the growing context has cost makes up for a hand-over
 * (rent or buy), and what is left is enough to earn it back. When each unit costs the same `b` more than the one before,
 * that is after n units with b n² / 2 = overhead, which is just the n that makes the mean cost of a unit smallest.
 */
export function freshIsCheaper({ fresh, now, excess, overhead, remaining }: SessionCosts): boolean {
  if (excess <= 0 || excess < overhead) return false;
  return remaining === undefined || (now - fresh) * remaining > overhead;
}
