import type { LabelStatus } from '@purser/contracts';
import type { Latch } from '@purser/service';
import type { LiveRunners } from '../work/live-runners.js';
import type { TaskSummaryRow } from './task.row.js';

/** Why a task does not run, in words; null when nothing holds it. */
export function waitingFor(
  row: TaskSummaryRow,
  dependencies: string[],
  latch: Latch,
  runners: Pick<LiveRunners, 'lack'>,
  limits: readonly LabelStatus[] = [],
): string | null {
  switch (row.state) {
    case 'blocked':
      return `for ${dependencies.length > 0 ? dependencies.map((id) => `"${id}"`).join(', ') : 'its dependencies'}`;
    case 'paused':
      return row.paused_reason;
    case 'running':
      if (row.cancel_requested) return 'for its session to end: it is being cancelled';
      return row.pause_requested && `for its session to end: it is being paused (${row.pause_requested})`;
    case 'ready':
      if (row.delayed_until) return `until ${row.delayed_until.toISOString()}`;
      if (!row.budget_ready) return 'its budget is being set';
      if (latch.isSet) return emergency(latch);
      return atLimit(row.labels, limits) ?? lacksRunner(row, runners);
    default:
      return null;
  }
}

const lacksRunner = (row: TaskSummaryRow, runners: Pick<LiveRunners, 'lack'>): string | null =>
  row.lingers && runners.lack(row.executor) ? `no runner that is alive has the executor "${row.executor}"` : null;

/** Those of one moment: the next claim may see another one. */
function atLimit(labels: string[], limits: readonly LabelStatus[]): string | null {
  for (const { label, concurrency, perMinute, running, startedLastMinute } of limits) {
    if (!labels.includes(label)) continue;
    if (concurrency !== null && running >= concurrency)
      return `label "${label}" is at its limit: ${running} of ${concurrency} sessions at once`;
    if (perMinute !== null && startedLastMinute >= perMinute)
      return `label "${label}" is at its limit: ${startedLastMinute} of ${perMinute} sessions began within the last minute`;
  }
  return null;
}

function emergency(latch: Latch): string {
  const state = latch.latest;
  if (!state?.active) return 'emergency: the state of the latch is not known now, so no session starts';
  return `emergency since ${state.at}, set by ${state.by}: ${state.reason}; it goes on after the reset`;
}
