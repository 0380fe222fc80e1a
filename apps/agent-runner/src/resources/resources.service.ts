import type { TaskLimits } from '@purser/contracts';
import { type Amounts, WRAP_SHARE, wrapAmounts } from './thresholds.js';

/** What a session has used so far; what is not known (yet) is left out. */
export interface Usage {
  tokens?: number;
  requests?: number;
  seconds: number;
  memoryMb?: number;
}

export type Resource = keyof TaskLimits & keyof Usage;
export type Level = 'healthy' | 'warning' | 'wrap' | 'stop';

export interface Assessment {
  level: Level;
  /** The resource that is nearest to (or furthest beyond) its threshold; absent when nothing is limited. */
  resource?: Resource | 'usd';
  /** `tokens 0.86 of its limit`. */
  reason?: string;
}

export const WARNING_SHARE = 0.75;
/** Of a threshold that is so low that it would come before the warning otherwise. */
const WARNING_OF_WRAP = 0.95;
/** A program that goes on in spite of the wrap is stopped here; its requests are small change beside their tokens. */
export const STOP_SHARE = 1.25;
const STOPPING: ReadonlySet<Resource> = new Set(['tokens', 'seconds', 'memoryMb']);
const RESOURCES = Object.keys(WRAP_SHARE) as Resource[];
const RANK: Readonly<Record<Level, number>> = { healthy: 0, warning: 1, wrap: 2, stop: 3 };

function levelOf(resource: Resource, used: number, limit: number, wrapAt: number): Level {
  if (used >= limit * STOP_SHARE && STOPPING.has(resource)) return 'stop';
  if (used >= wrapAt) return 'wrap';
  return used >= Math.min(limit * WARNING_SHARE, wrapAt * WARNING_OF_WRAP) ? 'warning' : 'healthy';
}

/** HEALTHY < 0.75 <= WARNING < threshold <= WRAP, and STOP at 1.25; the worst of all resources, of equals the one furthest beyond. */
export function assess(
  limits: TaskLimits,
  usage: Usage,
  wrapAt: Amounts = wrapAmounts(limits, 'standard', {}),
  /** Whether a wrap for that resource is put off, since all that is left to be done fits. */
  putOff: (resource: Resource) => boolean = () => false,
): Assessment {
  let worst: (Required<Assessment> & { urgency: number }) | undefined;
  for (const resource of RESOURCES) {
    const [limit, used, threshold] = [limits[resource], usage[resource], wrapAt[resource]];
    if (limit === undefined || used === undefined || threshold === undefined) continue;
    const found = levelOf(resource, used, limit, threshold);
    const level = found === 'wrap' && putOff(resource) ? 'warning' : found;
    const urgency = used / threshold;
    if (worst && (RANK[level] < RANK[worst.level] || (level === worst.level && urgency <= worst.urgency))) continue;
    worst = { level, resource, urgency, reason: `${resource} ${(used / limit).toFixed(2)} of its limit` };
  }
  if (!worst) return { level: 'healthy' };
  const { level, resource, reason } = worst;
  return { level, resource, reason };
}
