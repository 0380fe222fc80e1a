import type { WorkDone, WorkOutlook, WorkReport } from '@purser/contracts';
import type { Terminal } from '../terminal.js';
import { table } from './table.js';
import { count, moment, span, usd } from './words.js';

/** What a run did, and what it leaves. */
export interface RunDone extends WorkReport {
  /** `empty`, `time`, `budget`, `emergency`, or who asked it to stop. */
  reason: string;
  seconds: number;
  left: WorkOutlook;
}

const REASONS: Partial<Record<string, string>> = {
  empty: 'nothing is left to do now',
  time: 'the time is over',
  budget: 'the budget is used up',
  emergency: 'an emergency holds, so nothing starts',
};

export function runText(done: RunDone, terminal: Pick<Terminal, 'style'>): string {
  const { reason, seconds, sessions, spentUsd, tasks, more, left } = done;
  const head = `Worked for ${span(seconds * 1000)}; ${REASONS[reason] ?? reason}.\n`;
  const waits = [
    [left.ready, 'ready'],
    [left.running, 'running'],
    [left.delayed, 'waiting for their time'],
    [left.blocked, 'blocked'],
    [left.paused, 'paused'],
  ] as const;
  const kinds = waits.filter(([amount]) => amount > 0).map(([amount, what]) => `${amount} ${what}`);
  const next = left.nextAt === null ? '' : `; the next is due at ${moment(left.nextAt)}`;
  const rest = `Left: ${kinds.length === 0 ? 'no tasks' : kinds.join(', ')}${next}.\n`;
  if (tasks.length === 0) return `${head}No task was worked on.\n${rest}`;
  const cost = `${count(sessions, 'session')}, ${spentUsd === null ? 'what they spent is not known' : `${usd(spentUsd)} spent`}.\n`;
  return `${head}${taskTable(tasks, terminal)}${more ? 'and more\n' : ''}${cost}${rest}`;
}

const taskTable = (tasks: readonly WorkDone[], terminal: Pick<Terminal, 'style'>): string =>
  table(
    tasks,
    [
      { head: 'TASK', cell: ({ taskId }) => taskId },
      { head: 'CAME OF IT', cell: outcome },
      { head: 'SESSIONS', cell: ({ sessions }) => String(sessions), right: true },
      { head: 'NOTE', cell: ({ error }) => (error === null ? '' : `${error.code}: ${error.message}`.slice(0, 80)) },
    ],
    (head) => terminal.style('dim', head),
  );

/** A task that is to go on was handed off, whatever became of its last session. */
const outcome = ({ state }: WorkDone): string =>
  state === 'ready' || state === 'running' ? 'handed off, goes on next time' : state;
