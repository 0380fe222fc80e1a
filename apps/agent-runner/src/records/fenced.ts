import { PurserError } from '@purser/contracts';

/** What a session's writes are checked against. */
export interface Writer {
  taskId: string;
  sessionId: string;
  epoch: number;
}

/**
 * Locks the fence for the length of the statement, so that a write is either done before a newer session raises the
 * fence (and then seen by what that session loads) or refused. $1 is the task, $2 the epoch. A statement that uses it
 * ends in FENCE_HELD: whether it was refused is then told even when a repeated write changed no row.
 */
export const FENCE = 'fence AS MATERIALIZED (SELECT 1 FROM fences WHERE task_id = $1 AND epoch = $2 FOR SHARE)';
export const FENCE_HELD = 'SELECT count(*)::int AS held FROM fence';

export function staleEpoch({ taskId, epoch }: Writer): PurserError {
  return new PurserError('stale_epoch', {
    message: `a newer session owns task ${taskId}; what its session of epoch ${epoch} wrote was refused`,
    details: { taskId, epoch },
  });
}

export function refuseUnlessHeld(rows: { held: number }[], writer: Writer): void {
  if (rows[0]?.held !== 1) throw staleEpoch(writer);
}
