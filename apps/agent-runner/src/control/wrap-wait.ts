import type { Session } from '../sessions/session.js';

/** Whether the session is to wrap up, and why. */
export function wrapOf({ wrap }: Session): { wrap: boolean; reason: string | null } {
  return { wrap: wrap.aborted, reason: wrap.aborted ? String(wrap.reason) : null };
}

/** Settles when the session is to wrap up or is over, when `left` is aborted, or after the time. */
export async function untilWrap(session: Session, ms: number, left: AbortSignal): Promise<void> {
  if (session.wrap.aborted || left.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      session.wrap.removeEventListener('abort', done);
      left.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    session.wrap.addEventListener('abort', done);
    left.addEventListener('abort', done);
    void session.stopped.then(done);
  });
}
