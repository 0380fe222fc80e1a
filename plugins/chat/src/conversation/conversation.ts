import type { AnswerMessage, ChatState, ResultMessage, ToolCall } from './state.js';

const UNKNOWN =
  'OUTCOME UNKNOWN. The session ended while this call ran: it may have taken effect, wholly, in part or not at all. ' +
  'It was not repeated. Look at what is there before you call it again.';
const NOT_RUN = 'NOT CARRIED OUT. The session ended before this call began. Call it again if it is still needed.';
const NO_RESULT = 'NO RESULT. The session ended while this call ran. It changes nothing; call it again if you need it.';

/** The calls of the last answer that have no result yet. */
export function openCalls({ messages }: ChatState): ToolCall[] {
  const at = messages.findLastIndex(({ role }) => role === 'assistant');
  if (at < 0) return [];
  const answered = new Set(messages.slice(at + 1).map((message) => (message.role === 'tool' ? message.callId : '')));
  return (messages[at] as AnswerMessage).calls.filter(({ id }) => !answered.has(id));
}

/**
 * What a session that ended in the middle of a turn left open: nothing is repeated, and the model is told what is known
 * of each call. Said in the text of the results, so that the conversation is whole again.
 */
export function closeOpenCalls(state: ChatState, reads: (name: string) => boolean): number {
  const open = openCalls(state);
  for (const { id, name } of open) {
    const text = id === state.started ? UNKNOWN : reads(name) ? NO_RESULT : NOT_RUN;
    addResult(state, id, text);
  }
  delete state.started;
  return open.length;
}

export function addResult(state: ChatState, callId: string, text: string): void {
  state.messages.push({ role: 'tool', callId, text });
}

/** The names of the calls, by id: results carry ids alone. */
export function callsById({ messages }: ChatState): Map<string, ToolCall> {
  const answers = messages.filter((message): message is AnswerMessage => message.role === 'assistant');
  return new Map(answers.flatMap(({ calls }) => calls.map((call) => [call.id, call] as const)));
}

/** What the last turns did, newest last: to tell a model that goes round in circles. */
export function lastTurns({ messages }: ChatState, most: number): string[] {
  const turns: { answer: AnswerMessage; results: ResultMessage[] }[] = [];
  for (const message of messages) {
    if (message.role === 'assistant') turns.push({ answer: message, results: [] });
    else if (message.role === 'tool') turns.at(-1)?.results.push(message);
  }
  return turns
    .slice(-most)
    .map(({ answer, results }) =>
      JSON.stringify([answer.calls.map((call) => [call.name, call.arguments]), results.map((result) => result.text)]),
    );
}

/** How often in a row the last turn was made: 1 for one that is new. Turns without calls do not count. */
export function repeats(state: ChatState, most: number): number {
  const turns = lastTurns(state, most);
  const last = turns.at(-1);
  if (last === undefined || last.startsWith('[[],')) return 0;
  const before = turns.toReversed().findIndex((turn) => turn !== last);
  return before < 0 ? turns.length : before;
}
