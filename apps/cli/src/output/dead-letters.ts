import type { DeadLetter, deadLettersGet, ReplyOf } from '@purser/contracts';
import type { Terminal } from '../terminal.js';
import { fields, printable, table } from './table.js';
import { taskText } from './tasks.js';
import { moment, since } from './words.js';

type Styled = Pick<Terminal, 'style'>;

const MAX_MESSAGE = 80;

export function deadLetterTable(letters: readonly DeadLetter[], now: Date, terminal: Styled): string {
  return table(
    letters,
    [
      { head: 'TASK', cell: ({ task }) => task.id },
      { head: 'ERROR', cell: ({ task }) => task.error?.code ?? '', paint: (text) => terminal.style('red', text) },
      { head: 'SESSIONS', cell: ({ task }) => String(task.epoch), right: true },
      { head: 'CHECKPOINT', cell: ({ checkpoint }) => (checkpoint ? `#${checkpoint.epoch}` : 'none') },
      { head: 'FAILED', cell: ({ task }) => (task.finishedAt ? `${since(task.finishedAt, now)} ago` : '') },
      { head: 'MESSAGE', cell: ({ task }) => cut(task.error?.message ?? '') },
    ],
    (head) => terminal.style('dim', head),
  );
}

const cut = (text: string): string => (text.length > MAX_MESSAGE ? `${text.slice(0, MAX_MESSAGE - 1)}…` : text);

export function deadLetterText(letter: ReplyOf<typeof deadLettersGet>, terminal: Styled): string {
  const { task, diagnosis, checkpoint, failures, lostInARow, retriedAs, handoff } = letter;
  const why = fields([
    ['diagnosis', diagnosis],
    ['failed', failures === 0 ? null : `${failures} of its sessions`],
    ['lost', lostInARow === 0 ? null : `${lostInARow} sessions in a row`],
    ['checkpoint', checkpoint && `${checkpoint.number} of session ${checkpoint.epoch}`],
    ['retried as', retriedAs],
  ]);
  const left = handoff
    ? `\n${terminal.style('dim', `Handoff of session ${handoff.epoch}, ${moment(handoff.at) ?? ''}`)}\n${printable(handoff.markdown).trimEnd()}\n`
    : '';
  return `${why}\n${taskText(task, terminal)}${left}`;
}
