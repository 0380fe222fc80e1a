import type { Schedule, ScheduleFire } from '@purser/contracts';
import type { Style, Terminal } from '../terminal.js';
import { fields, table } from './table.js';
import { count, moment } from './words.js';

type Styled = Pick<Terminal, 'style'>;

const STATES: Record<Schedule['state'], Style> = { active: 'green', paused: 'yellow', ended: 'dim' };
const OUTCOMES: Record<ScheduleFire['outcome'], Style> = { fired: 'green', skipped: 'yellow', refused: 'red' };

export function scheduleTable(schedules: readonly Schedule[], terminal: Styled): string {
  return table(
    schedules,
    [
      { head: 'SCHEDULE', cell: ({ id }) => id },
      { head: 'STATE', cell: ({ state }) => state, paint: (text, { state }) => terminal.style(STATES[state], text) },
      { head: 'WHEN', cell: timing },
      { head: 'NEXT', cell: ({ next }) => moment(next[0] ?? null) ?? '-' },
      { head: 'LAST', cell: ({ lastFire }) => (lastFire ? (moment(lastFire.at) ?? '') : '-') },
      { head: 'CAME OF IT', cell: ({ lastFire }) => (lastFire ? came(lastFire) : '') },
    ],
    (head) => terminal.style('dim', head),
  );
}

export function scheduleText(schedule: Schedule, fires: readonly ScheduleFire[], terminal: Styled): string {
  const { catchUp, catchUpLimit, graceSeconds, missed, task, next } = schedule;
  const more =
    catchUp === 'all'
      ? `, ${catchUpLimit} at most`
      : catchUp === 'none'
        ? `, but ${words(graceSeconds)} late is on time`
        : '';
  const facts = fields([
    ['schedule', schedule.id],
    ['state', schedule.pausedReason === null ? schedule.state : `${schedule.state} (${schedule.pausedReason})`],
    ['when', timing(schedule)],
    ['jitter', schedule.jitterSeconds === 0 ? null : `up to ${words(schedule.jitterSeconds)}`],
    ['overlap', schedule.overlap],
    ['catch up', `${catchUp}${more}`],
    ['deadline', schedule.deadlineSeconds === null ? null : `${words(schedule.deadlineSeconds)} after each time`],
    ['missed', missed === 0 ? null : `${count(missed, 'time')} passed and not caught up`],
    ['executor', task.executor],
    ['input', JSON.stringify(task.input).slice(0, 400)],
    ['budget', task.budgetUsd === undefined ? null : `$${task.budgetUsd} for each task`],
    ['next', next.map((at) => moment(at)).join('\n')],
  ]);
  return fires.length === 0 ? facts : `${facts}\n${fireTable(fires, terminal)}`;
}

const fireTable = (fires: readonly ScheduleFire[], terminal: Styled): string =>
  table(
    fires,
    [
      { head: 'FIRED FOR', cell: ({ at }) => moment(at) ?? '' },
      { head: 'AT', cell: ({ firedAt }) => moment(firedAt) ?? '' },
      {
        head: 'OUTCOME',
        cell: ({ outcome, manual }) => (manual ? `${outcome} by hand` : outcome),
        paint: (text, { outcome }) => terminal.style(OUTCOMES[outcome], text),
      },
      { head: 'TASK', cell: ({ taskId }) => taskId ?? '' },
      { head: 'NOTE', cell: ({ reason }) => reason ?? '' },
    ],
    (head) => terminal.style('dim', head),
  );

export const nextText = ({ next }: Schedule): string =>
  next[0] === undefined ? 'It fires no more.' : `It fires next at ${moment(next[0])}.`;

export function fireText(fire: ScheduleFire, terminal: Pick<Terminal, 'typed'>): string {
  if (fire.taskId === null) return `No task: ${fire.reason ?? fire.outcome}\n`;
  const waits = fire.reason === null ? '' : ` It ${fire.reason}.`;
  return `Task ${fire.taskId} is submitted.${waits} Follow it: ${terminal.typed(`purser task logs ${fire.taskId} --follow`)}\n`;
}

const came = ({ outcome, taskId, reason }: ScheduleFire): string => taskId ?? `${outcome}: ${reason ?? ''}`;

function timing({ cron, timezone, everySeconds, at }: Schedule): string {
  if (cron !== null) return `${cron} (${timezone})`;
  if (everySeconds !== null) return `every ${words(everySeconds)}`;
  return `once at ${moment(at)}`;
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const;

/** Exactly: `90s`, `4h`. */
function words(seconds: number): string {
  const [unit, size] = UNITS.find(([, length]) => seconds % length === 0 && seconds > 0) ?? ['s', 1];
  return `${seconds / size}${unit}`;
}
