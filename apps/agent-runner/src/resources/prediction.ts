import type { TaskLimits } from '@purser/contracts';
import type { Resource, Usage } from './resources.service.js';

/** As far as work is planned: the rest is for handing over. */
export const PLANNED_SHARE = 0.95;
const PREDICTABLE: readonly Resource[] = ['tokens', 'requests', 'seconds'];

export interface Outlook {
  limits: TaskLimits;
  usage: Usage;
  /** What the next unit will take; undefined while it cannot be told. */
  perUnit: (resource: Resource) => number | undefined;
  /** Units that are left; undefined when the program does not say. */
  remaining: number | undefined;
}

/** To be asked before a unit begins: the resource of which it would take too much, if any. */
export function tooMuchForNext({ limits, usage, perUnit, remaining }: Outlook): Resource | undefined {
  if (remaining !== undefined && remaining <= 0) return undefined;
  return PREDICTABLE.find((resource) => {
    const [limit, used, unit] = [limits[resource], usage[resource], perUnit(resource)];
    if (limit === undefined || used === undefined || unit === undefined) return false;
    return used + unit > limit * PLANNED_SHARE;
  });
}

/** Whether all that is left fits into the limit: then handing over would only cost, and the work is let end instead. */
export function fitsToTheEnd(resource: Resource, { limits, usage, perUnit, remaining }: Outlook): boolean {
  const [limit, used, unit] = [limits[resource], usage[resource], perUnit(resource)];
  if (remaining === undefined || limit === undefined || used === undefined || unit === undefined) return false;
  return PREDICTABLE.includes(resource) && used + unit * remaining <= limit * PLANNED_SHARE;
}
