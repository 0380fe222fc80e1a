import type { Session } from '../sessions/session.js';
import type { Amounts } from '../resources/thresholds.js';
import { wrapOf } from './wrap-wait.js';

/** A session's budget as its own program sees it: limits, what is used of them, and how far it is from being asked to end. */
export function describeResources(session: Session): object {
  const { taskId, epoch, limits, deadline } = session.assignment;
  const { meter } = session;
  if (session.isWorking) meter.tick();
  const { budget, wrapAt, usage } = meter;
  return {
    taskId,
    sessionId: session.id,
    epoch,
    level: session.level,
    ...wrapOf(session),
    limits,
    used: usage,
    wrapAt,
    secondsUntilWrap: secondsLeft(wrapAt, usage),
    budget: budget ? { limitUsd: budget.limit.toFixed(6), leftUsd: budget.left.toFixed(6) } : null,
    deadline,
    graceSeconds: session.grace.leftMs / 1_000,
  };
}

/** At the mean pace so far, of what runs out first; memory has no pace. */
function secondsLeft(wrapAt: Amounts, used: Amounts & { seconds: number }): number | null {
  const until = (['seconds', 'tokens', 'requests'] as const).flatMap((resource) => {
    const [end, now] = [wrapAt[resource], used[resource]];
    return end === undefined || !now ? [] : [(Math.max(0, end - now) * used.seconds) / now];
  });
  return until.length === 0 ? null : Math.min(...until);
}
