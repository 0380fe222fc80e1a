import type { TaskLimits } from '@purser/contracts';

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
  resource?: Resource;
  /** `tokens 0.86 of its limit`. */
  reason?: string;
}

export const WARNING_SHARE = 0.75;
/** Room for the wrap-up itself: memory grows while a program saves its state, time hardly does. */
export const WRAP_SHARE: Readonly<Record<Resource, number>> = {
  tokens: 0.85,
  requests: 0.85,
  seconds: 0.9,
  memoryMb: 0.8,
};
/** A program that goes on in spite of the wrap is stopped here; its requests are small change beside their tokens. */
export const STOP_SHARE = 1.25;
const STOPPING: ReadonlySet<Resource> = new Set(['tokens', 'seconds', 'memoryMb']);
const RESOURCES = Object.keys(WRAP_SHARE) as Resource[];
const RANK: Readonly<Record<Level, number>> = { healthy: 0, warning: 1, wrap: 2, stop: 3 };

function levelOf(resource: Resource, share: number): Level {
  if (share >= STOP_SHARE && STOPPING.has(resource)) return 'stop';
  if (share >= WRAP_SHARE[resource]) return 'wrap';
  return share >= WARNING_SHARE ? 'warning' : 'healthy';
}

/** HEALTHY < 0.75 <= WARNING < threshold <= WRAP, and STOP at 1.25; the worst of all resources, of equals the one furthest beyond. */
export function assess(limits: TaskLimits, usage: Usage): Assessment {
  let worst: (Required<Assessment> & { urgency: number }) | undefined;
  for (const resource of RESOURCES) {
    const limit = limits[resource];
    const used = usage[resource];
    if (limit === undefined || used === undefined) continue;
    const share = used / limit;
    const level = levelOf(resource, share);
    const urgency = share / WRAP_SHARE[resource];
    if (worst && (RANK[level] < RANK[worst.level] || (level === worst.level && urgency <= worst.urgency))) continue;
    worst = { level, resource, urgency, reason: `${resource} ${share.toFixed(2)} of its limit` };
  }
  if (!worst) return { level: 'healthy' };
  const { level, resource, reason } = worst;
  return { level, resource, reason };
}
