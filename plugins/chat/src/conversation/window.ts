import type { ChatState, Message } from './state.js';

/** Until the provider tells how many there are: few bytes a token, so that the estimate is rather too high. */
export const FIRST_TOKENS_PER_BYTE = 1 / 3;
/** What a model is taken for whose window nobody names. */
export const STANDARD_WINDOW = 64_000;
/** Every turn pays for the whole conversation: more than this of a larger window is used only where the task says so. */
export const MOST_UNASKED = 200_000;
/** The checkpoint may have 1 MiB; the rest is for the last answer and its results. */
export const STATE_BYTES = 700 * 1024;
/** A window is emptied to this share, so that it does not fill up again with the next turn. */
const EMPTIED_TO = 0.5;
/** Turns whose results are not folded as long as there are older ones. */
const KEPT_TURNS = 2;
const FOLDED_LEAST = 400;
const encoder = new TextEncoder();

export const bytesOf = (value: unknown): number => encoder.encode(JSON.stringify(value)).length;

/** Of all that grows with the conversation. */
export const sizeOf = ({ messages, summary }: ChatState): number => bytesOf(messages) + bytesOf(summary ?? '');

export interface Room {
  /** Bytes that the conversation may have. */
  bytes: number;
  /** The whole window in tokens, and what is kept of it for an answer and for one last turn. */
  window: number;
  reserve: number;
}

/** How large a conversation may get beside what every request carries (`fixedBytes`: the tools and the system's text). */
export function roomFor(
  state: ChatState,
  { contextTokens, maxOutputTokens }: { contextTokens?: number | undefined; maxOutputTokens?: number | undefined },
  fixedBytes: number,
): Room {
  const window = Math.min(contextTokens ?? STANDARD_WINDOW, state.windowTokens ?? Infinity);
  const answer = Math.min(maxOutputTokens ?? 8_192, Math.floor(window / 4));
  // One last turn reads what is there and writes a document; it has the window for itself, but not the answer's part.
  const reserve = answer + Math.min(2_048, Math.floor(window / 16));
  const perByte = state.tokensPerByte ?? FIRST_TOKENS_PER_BYTE;
  const bytes = Math.floor((window - reserve) / perByte) - fixedBytes;
  return { bytes: Math.max(1_000, Math.min(bytes, STATE_BYTES)), window, reserve };
}

/** The measure of the next estimates: the highest of late, so that one odd answer does not make them too low. */
export function measureTokens(state: ChatState, requestBytes: number, promptTokens: number): void {
  if (promptTokens <= 0 || requestBytes <= 0) return;
  const measured = promptTokens / requestBytes;
  const before = state.tokensPerByte ?? 0;
  // Rounded, so that the same state is the same bytes wherever it was computed.
  state.tokensPerByte = Number(Math.max(measured, before * 0.9, 0.02).toFixed(4));
}

/** Where the last `turns` answers with their results begin. */
export function startOfLast(messages: readonly Message[], turns: number): number {
  let left = turns;
  for (let index = messages.length - 1; index >= 0; index -= 1) {
    if (messages[index]?.role === 'assistant' && (left -= 1) === 0) return index;
  }
  return 0;
}

const leftOut = (what: string, text: string): string =>
  `(${what} taken out to save room: ${encoder.encode(text).length} bytes; it began with) ${text.slice(0, 200)}…`;

/** The long texts of a call, such as a file that was written; what stays is JSON as providers want it. */
function foldArguments(json: string): string {
  if (json.length < FOLDED_LEAST * 2) return json;
  const named = JSON.parse(json) as Record<string, unknown>;
  const folded = Object.entries(named).map(([name, value]) => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return [name, text.length < FOLDED_LEAST ? value : leftOut('argument', text)];
  });
  return JSON.stringify(Object.fromEntries(folded));
}

function fold(message: Message): void {
  if (message.role === 'assistant') {
    for (const call of message.calls) call.arguments = foldArguments(call.arguments);
  } else if (message.role === 'tool' && !message.folded && message.text.length >= FOLDED_LEAST) {
    message.text = `${leftOut('result', message.text)} (call the tool again if you need it)`;
    message.folded = true;
  }
}

/** Takes the texts of results out, oldest first, until the conversation fits. Whether it does then. */
export function foldResults(state: ChatState, room: number): boolean {
  let bytes = sizeOf(state);
  if (bytes <= room) return true;
  const kept = startOfLast(state.messages, KEPT_TURNS);
  for (const message of state.messages.slice(0, kept)) {
    if (bytes <= room * EMPTIED_TO) break;
    const before = bytesOf(message);
    fold(message);
    bytes += bytesOf(message) - before;
  }
  return sizeOf(state) <= room;
}

/** Puts a summary in the place of all but the last turns. */
export function replaceBySummary(state: ChatState, summary: string): void {
  const from = startOfLast(state.messages, KEPT_TURNS);
  state.summary = summary;
  state.messages = state.messages.slice(from);
}

/** What is left when nothing else helps: the texts of the last results, and then the oldest turns. */
export function cutDown(state: ChatState, room: number): void {
  for (const message of state.messages) {
    if (sizeOf(state) <= room) return;
    fold(message);
  }
  while (sizeOf(state) > room) {
    const next = state.messages.findIndex((message, index) => index > 0 && message.role === 'assistant');
    if (next < 0) break;
    state.messages = state.messages.slice(next);
  }
  for (const message of state.messages) {
    if (sizeOf(state) <= room) return;
    if (message.text.length > 1_000) message.text = `${message.text.slice(0, 800)}… (cut to save room)`;
  }
}
