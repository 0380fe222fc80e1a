import type { Assignment, TaskLimits } from '@purser/contracts';
import type { Overhead } from './overhead.js';
import type { Resource } from './resources.service.js';

export type Complexity = Assignment['complexity'];
export type Amounts = Partial<Record<Resource, number>>;

/** Room for the wrap-up itself: memory grows while a program saves its state, time hardly does. */
export const WRAP_SHARE: Readonly<Record<Resource, number>> = {
  tokens: 0.85,
  requests: 0.85,
  seconds: 0.9,
  memoryMb: 0.8,
};
/** What is easy to interrupt may use more, what is hard less. Memory is as it is: it grows by the work, not by its kind. */
const BY_COMPLEXITY: Readonly<Record<Complexity, Readonly<Partial<Record<Resource, number>>>>> = {
  simple: { tokens: 0.9, requests: 0.9, seconds: 0.9 },
  standard: {},
  complex: { tokens: 0.8, requests: 0.8, seconds: 0.8 },
};
/** The same for the dollars of the task's budget. */
export const DOLLAR_SHARE: Readonly<Record<Complexity, number>> = { simple: 0.9, standard: 0.85, complex: 0.8 };
/** Whatever handing over costs: less than half of a limit for the work would be no session. */
const LEAST_SHARE = 0.5;
/** Kept in any case, to hand over with. */
export const RESERVE_SHARE = 0.05;

/** From which amounts on a session is asked to wrap up: lower where handing over would not fit in what is left otherwise. */
export function wrapAmounts(limits: TaskLimits, complexity: Complexity, handoff: Overhead): Amounts {
  const amounts: Amounts = {};
  for (const resource of Object.keys(WRAP_SHARE) as Resource[]) {
    const limit = limits[resource];
    if (limit === undefined) continue;
    const usual = BY_COMPLEXITY[complexity][resource] ?? WRAP_SHARE[resource];
    const needed = (resource === 'tokens' || resource === 'seconds' ? (handoff[resource] ?? 0) : 0) / limit;
    amounts[resource] = limit * Math.max(LEAST_SHARE, Math.min(usual, 1 - Math.max(RESERVE_SHARE, needed)));
  }
  return amounts;
}
