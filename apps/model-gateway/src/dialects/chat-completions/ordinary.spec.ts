import fc from 'fast-check';
import { strangeBody } from '../../endpoints/strange-bodies.fixture.js';
import { isOrdinary } from './ordinary.js';
import { Body } from './request.js';

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

it('says so only of bodies that the schema takes and leaves as they are', () => {
  let ordinary = 0;
  fc.assert(
    fc.property(strangeBody('chat', ['m', '', 'x'.repeat(301)]), (text) => {
      const value = parsed(text);
      if (!isOrdinary(value)) return;
      ordinary += 1;
      expect(Body.parse(value)).toEqual(value);
    }),
    { numRuns: 2_000 },
  );
  expect(ordinary).toBeGreaterThan(20);
});

const messages = [{ role: 'user', content: 'Hi' }];

it.each<[string, unknown]>([
  ['the least', { model: 'm', messages }],
  ['limits and more', { model: 'm', messages, max_tokens: 5, max_completion_tokens: 10_000_000, n: 128, other: [1] }],
  ['a stream', { model: 'm', messages, stream: true, stream_options: { include_usage: true, more: 1 } }],
  ['tools', { model: 'm', messages, tools: [{ type: 'function', function: { name: 'f' } }] }],
  ['nulls', { model: 'm', messages, stream: null, stream_options: null, max_tokens: null, n: null, tools: null }],
])('is said of %s', (_, body) => {
  expect([isOrdinary(body), Body.parse(body)]).toEqual([true, body]);
});

it.each<[string, unknown]>([
  ['a list', []],
  ['no model', { messages }],
  ['no message', { model: 'm', messages: [] }],
  ['a message that is none', { model: 'm', messages: [null] }],
  ['a role that is none', { model: 'm', messages: [{ role: '' }] }],
  ['a limit of nothing', { model: 'm', messages, max_tokens: 0 }],
  ['a limit that is no whole number', { model: 'm', messages, max_completion_tokens: 1.5 }],
  ['too many choices', { model: 'm', messages, n: 129 }],
  ['a tool without a type', { model: 'm', messages, tools: [{ type: 'function' }, {}] }],
  ['a name that objects have themselves', JSON.parse('{"model":"m","messages":[{"role":"user","__proto__":1}]}')],
])('is not said of %s', (_, body) => {
  expect(isOrdinary(body)).toBe(false);
});
