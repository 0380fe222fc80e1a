import type { LogLine, SessionSummary, Task, TaskState, TaskSummary, Usage } from '@purser/contracts';
import type { Style, Terminal } from '../terminal.js';
import { predictionText } from './records.js';
import { fields, printable, table } from './table.js';
import { against, count, grouped, moment, since, span, usd } from './words.js';

type Styled = Pick<Terminal, 'style'>;

const STYLES: Record<TaskState, Style> = {
  blocked: 'dim',
  ready: 'cyan',
  running: 'cyan',
  paused: 'yellow',
  completed: 'green',
  failed: 'red',
  cancelled: 'dim',
};

const note = ({ error, waiting, progress }: Pick<TaskSummary, 'error' | 'waiting' | 'progress'>): string =>
  error ? `${error.code}: ${error.message}` : (waiting ?? progressText(progress) ?? '');

function progressText(progress: Task['progress']): string | null {
  if (!progress) return null;
  const { done, total, note: said } = progress;
  const figures = done === undefined ? '' : total === undefined ? String(done) : `${done}/${total}`;
  return [figures, said ?? ''].filter((text) => text !== '').join(' ') || null;
}

export function taskTable(tasks: TaskSummary[], now: Date, terminal: Styled): string {
  return table(
    tasks,
    [
      { head: 'TASK', cell: ({ id }) => id },
      { head: 'STATE', cell: ({ state }) => state, paint: (text, { state }) => terminal.style(STYLES[state], text) },
      { head: 'PRIO', cell: ({ priority }) => String(priority), right: true },
      { head: 'SESSIONS', cell: ({ epoch }) => String(epoch), right: true },
      { head: 'SPENT', cell: ({ spentUsd }) => usd(spentUsd), right: true },
      { head: 'AGE', cell: ({ createdAt }) => since(createdAt, now), right: true },
      { head: 'NOTE', cell: (task) => cut(note(task), 80) },
    ],
    (head) => terminal.style('dim', head),
  );
}

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

export function taskText(task: Task, terminal: Styled): string {
  const { limits, sessions } = task;
  const limitTexts = Object.entries(limits).map(([name, value]) => `${value} ${name}`);
  const facts = fields([
    ['task', task.id],
    ['state', task.state],
    ['waiting', task.waiting],
    ['error', task.error && `${task.error.code}: ${task.error.message}`],
    ['progress', progressText(task.progress)],
    ['executor', task.executor],
    ['input', cut(JSON.stringify(task.input), 400)],
    ['priority', String(task.priority)],
    ['labels', task.labels.join(', ')],
    ['project', task.project],
    ['after', task.dependsOn.join(', ')],
    ['part of', task.parent],
    ['parts', childrenText(task.children)],
    ['limits', limitTexts.length === 0 ? null : `${limitTexts.join(', ')} per session`],
    ['spent', task.budgetUsd === null ? usd(task.spentUsd) : `${usd(task.spentUsd)} of ${usd(task.budgetUsd)}`],
    ['used', task.usage && usageText(task.usage)],
    ['expected', task.prediction && predictionText(task.prediction)],
    ['grade', task.record?.grade && `${task.record.grade.grade ?? 'none'} by ${task.record.grade.by}`],
    ['created', moment(task.createdAt)],
    ['not before', moment(task.notBefore)],
    ['deadline', moment(task.deadline)],
    ['finished', moment(task.finishedAt)],
    ['result', task.result == null ? null : cut(JSON.stringify(task.result, null, 2), 4_000)],
  ]);
  return sessions.length === 0 ? facts : `${facts}\n${sessionTable(task, terminal)}`;
}

const SHOWN_CHILDREN = 10;

function childrenText(children: Task['children']): string {
  const shown = children.slice(0, SHOWN_CHILDREN).map(({ id, state }) => `${id} (${state})`);
  const left = children.length - shown.length;
  return [...shown, ...(left > 0 ? [`and ${left} more`] : [])].join(', ');
}

const SHOWN_SESSIONS = 20;

const usageText = ({ inputTokens, outputTokens, requests }: Usage): string =>
  `${grouped(inputTokens)} tokens in, ${grouped(outputTokens)} out, ${grouped(requests)} requests`;

/** What the ledger says of a session; it may be out of reach. */
const metered = (cell: (usage: Usage) => string) => (session: SessionSummary) =>
  session.usage === null ? '?' : cell(session.usage);

function sessionTable({ sessions, limits }: Task, terminal: Styled): string {
  const shown = [...sessions].sort((a, b) => a.epoch - b.epoch).slice(-SHOWN_SESSIONS);
  const text = table(
    shown,
    [
      { head: '#', cell: ({ epoch }) => String(epoch), right: true },
      { head: 'SESSION', cell: ({ id }) => id },
      { head: 'RUNNER', cell: ({ runner }) => runner },
      { head: 'STARTED', cell: ({ startedAt }) => moment(startedAt) ?? '' },
      {
        head: 'TOOK',
        cell: ({ startedAt, endedAt }) => (endedAt === null ? '' : span(Date.parse(endedAt) - Date.parse(startedAt))),
        right: true,
      },
      { head: 'IN', cell: metered(({ inputTokens }) => grouped(inputTokens)), right: true },
      { head: 'OUT', cell: metered(({ outputTokens }) => grouped(outputTokens)), right: true },
      {
        head: 'TOKENS',
        cell: metered(({ inputTokens, outputTokens }) => against(inputTokens + outputTokens, limits.tokens)),
        right: true,
      },
      { head: 'REQUESTS', cell: metered(({ requests }) => against(requests, limits.requests)), right: true },
      { head: 'SPENT', cell: metered((usage) => usd(usage.usd)), right: true },
      { head: 'OUTCOME', cell: ({ outcome }) => outcome ?? 'running' },
      { head: 'WHY', cell: ({ reason }) => cut(reason ?? '', 80) },
    ],
    (head) => terminal.style('dim', head),
  );
  const left = sessions.length - shown.length;
  return left === 0 ? text : `${text}and ${count(left, 'earlier session')}\n`;
}

/** `10:43:19 #2  text`; what Purser itself says, and what went to stderr, is marked. */
export function logText({ at, epoch, stream, text }: LogLine, terminal: Styled): string {
  const time = moment(at)?.slice(11) ?? '';
  const mark = stream === 'stdout' ? '' : `${stream}: `;
  const said = printable(`${mark}${text.replace(/\n$/, '')}`);
  return `${terminal.style('dim', `${time} #${epoch}`)}  ${stream === 'purser' ? terminal.style('cyan', said) : said}\n`;
}
