import type { Session } from '../sessions/session.js';
import { wrapOf } from './wrap-wait.js';

/** A session's budget as its own program sees it: limits, what is used of them, and how far it is from being asked to end. */
export function describeResources(session: Session): object {
  const { taskId, epoch, limits, deadline } = session.assignment;
  return {
    taskId,
    sessionId: session.id,
    epoch,
    level: session.level,
    ...wrapOf(session),
    limits,
    used: session.usage,
    deadline,
    graceSeconds: session.grace.leftMs / 1_000,
  };
}
