import type { CloudEvent, Progress } from '@purser/contracts';
import type { Style, Terminal } from '../terminal.js';
import { printable } from './table.js';
import { moment } from './words.js';

const STYLES: [pattern: RegExp, style: Style][] = [
  [/^(task\.(failed|rejected)|alert\.critical|emergency\.shutdown)\b/, 'red'],
  [/^(task\.(paused|cancelled)|alert\.warning)\b/, 'yellow'],
  [/^task\.completed\b/, 'green'],
];

const MAX_DETAILS = 200;

/** `10:43:19  task.started.nightly  epoch 2 runner r1` */
export function eventText({ subject = '?', time, data }: CloudEvent, terminal: Pick<Terminal, 'style'>): string {
  const style = STYLES.find(([pattern]) => pattern.test(subject))?.[1];
  const at = time === undefined ? '' : (moment(time)?.slice(11) ?? '');
  const details = printable(detailsOf(data)).replaceAll('\n', ' ');
  const cut = details.length > MAX_DETAILS ? `${details.slice(0, MAX_DETAILS - 1)}…` : details;
  const name = printable(subject);
  return `${terminal.style('dim', at)}  ${style ? terminal.style(style, name) : name}${cut === '' ? '' : `  ${cut}`}\n`;
}

function detailsOf(data: unknown): string {
  if (typeof data !== 'object' || data === null) return '';
  const { error, progress, reason, title, ...rest } = data as Record<string, unknown>;
  if (isError(error)) return `${error.code}: ${error.message}`;
  if (typeof progress === 'object' && progress !== null) return progressText(progress);
  if (typeof title === 'string') return title;
  return Object.entries({ ...rest, ...(reason === undefined ? {} : { reason }) })
    .filter(([name, value]) => name !== 'taskId' && name !== 'sessionId' && value !== null && value !== '')
    .filter(([, value]) => !Array.isArray(value) || value.length > 0)
    .map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join('  ');
}

const isError = (value: unknown): value is { code: string; message: string } =>
  typeof value === 'object' && value !== null && 'code' in value && 'message' in value;

function progressText({ done, total, note }: Progress): string {
  const figures = done === undefined ? '' : total === undefined ? String(done) : `${done} of ${total}`;
  return [figures, note ?? ''].filter((text) => text !== '').join('  ');
}
