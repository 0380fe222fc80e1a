import { array, assert, boolean, integer, property, record } from 'fast-check';
import { type ChatState, emptyState, readState, writeState } from './state.js';
import { cutDown, foldResults, measureTokens, replaceBySummary, roomFor, sizeOf, startOfLast } from './window.js';

const turn = record({
  text: integer({ min: 0, max: 3_000 }),
  result: integer({ min: 0, max: 20_000 }),
  big: boolean(),
});

function stateOf(turns: { text: number; result: number; big: boolean }[]): ChatState {
  const state = emptyState();
  for (const [index, { text, result, big }] of turns.entries()) {
    const id = `call_${index}`;
    const args = JSON.stringify({ path: 'a', content: 'c'.repeat(big ? 5_000 : 5) });
    state.messages.push({ role: 'assistant', text: 't'.repeat(text), calls: [{ id, name: 'write', arguments: args }] });
    state.messages.push({ role: 'tool', callId: id, text: 'r'.repeat(result) });
  }
  return state;
}

/** What providers demand: each result follows the answer that called for it, and arguments are JSON. */
function isWhole({ messages }: ChatState): boolean {
  const called = new Set<string>();
  return messages.every((message) => {
    if (message.role !== 'assistant') return message.role !== 'tool' || called.has(message.callId);
    for (const call of message.calls) called.add(call.id);
    return message.calls.every((call) => typeof JSON.parse(call.arguments) === 'object');
  });
}

it('makes any conversation fit, and keeps it whole', () => {
  assert(
    property(array(turn, { minLength: 1, maxLength: 30 }), integer({ min: 12_000, max: 200_000 }), (turns, room) => {
      const state = stateOf(turns);
      const folded = foldResults(state, room);
      expect(folded).toBe(sizeOf(state) <= room);
      expect(state.messages).toHaveLength(turns.length * 2);
      expect(isWhole(state)).toBe(true);
      if (!folded) replaceBySummary(state, 'summary');
      cutDown(state, room);
      expect(sizeOf(state)).toBeLessThanOrEqual(room);
      expect(isWhole(state)).toBe(true);
      expect(readState(writeState(state))).toEqual(state);
    }),
  );
});

it('leaves the last turns as they are as long as older ones can give way', () => {
  const state = stateOf(Array.from({ length: 10 }, () => ({ text: 10, result: 5_000, big: false })));
  expect(foldResults(state, 30_000)).toBe(true);
  const texts = state.messages.filter(({ role }) => role === 'tool').map(({ text }) => text.length);
  expect(texts.slice(-2)).toEqual([5_000, 5_000]);
  expect(texts[0]).toBeLessThan(500);
  expect(startOfLast(state.messages, 2)).toBe(16);
});

it('keeps room for an answer and for one last turn, whatever the window is', () => {
  assert(
    property(integer({ min: 2_000, max: 2_000_000 }), integer({ min: 1, max: 5_000 }), (contextTokens, perByte) => {
      const state = { ...emptyState(), tokensPerByte: perByte / 10_000 };
      const { bytes, window, reserve } = roomFor(state, { contextTokens }, 0);
      expect(window).toBe(contextTokens);
      expect(reserve).toBeGreaterThanOrEqual(Math.floor(contextTokens / 4 > 8_192 ? 8_192 : contextTokens / 4));
      expect(Math.max(1_000, bytes) * state.tokensPerByte).toBeLessThanOrEqual(
        Math.max(window - reserve, 1_000 * state.tokensPerByte),
      );
      expect(bytes).toBeLessThan(1024 * 1024);
    }),
  );
});

it('measures tokens, and forgets a high figure slowly', () => {
  const state = emptyState();
  measureTokens(state, 1_000, 250);
  expect(state.tokensPerByte).toBe(0.25);
  measureTokens(state, 1_000, 100);
  expect(state.tokensPerByte).toBe(0.225);
  measureTokens(state, 1_000, 500);
  expect(state.tokensPerByte).toBe(0.5);
  measureTokens(state, 0, 0);
  expect(state.tokensPerByte).toBe(0.5);
});
