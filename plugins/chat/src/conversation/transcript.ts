import { excerpt } from '../tools/excerpt.js';
import { callsById } from './conversation.js';
import type { ChatState, Message } from './state.js';

const MOST_ARGUMENTS = 1_000;
const MOST_RESULT = 3_000;

function part(message: Message, nameOf: (id: string) => string): string {
  if (message.role === 'user') return `[note] ${message.text}`;
  if (message.role === 'tool') return `[result of ${nameOf(message.callId)}] ${excerpt(message.text, MOST_RESULT)}`;
  const calls = message.calls.map(({ name, arguments: given }) => `[call] ${name} ${excerpt(given, MOST_ARGUMENTS)}`);
  return [...(message.text === '' ? [] : [`[agent] ${message.text}`]), ...calls].join('\n');
}

/** The conversation as one text, for a model that is to write about it; the newest is kept when it is too long. */
export function transcript(goal: string, state: ChatState, most: number): string {
  const calls = callsById(state);
  const nameOf = (id: string): string => calls.get(id)?.name ?? 'a call';
  const head = `[goal] ${excerpt(goal, Math.floor(most / 4))}`;
  const before =
    state.summary === undefined ? [] : [`[written down before] ${excerpt(state.summary, Math.floor(most / 3))}`];
  const parts = state.messages.map((message) => part(message, nameOf));
  let room = most - head.length - before.join('').length;
  let from = parts.length;
  while (from > 0 && room - parts[from - 1]!.length > 0) {
    from -= 1;
    room -= parts[from]!.length + 1;
  }
  const left = from > 0 ? [`[${from} older entries left out]`] : [];
  return [head, ...before, ...left, ...parts.slice(from)].join('\n');
}
