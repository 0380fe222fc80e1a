import { array, assert, asyncProperty, integer } from 'fast-check';
import { ANSWER_BYTES, AnswerReader, eventData } from './answer.js';

const chunk = (delta: object, finish?: string) =>
  JSON.stringify({ choices: [{ delta, finish_reason: finish ?? null }] });
const read = (...chunks: string[]) => {
  const reader = new AnswerReader();
  for (const one of chunks) if (!reader.take(one)) break;
  return reader.end();
};
const part = (index: number, name: string | undefined, text: string) =>
  chunk({ tool_calls: [{ index, function: { ...(name === undefined ? {} : { name }), arguments: text } }] });

describe('an answer', () => {
  it('is put together from its pieces, calls by their index', () => {
    const answer = read(
      chunk({ role: 'assistant', content: 'I ' }),
      chunk({ content: 'look.' }),
      part(0, 'read', '{"a'),
      part(1, 'list', ''),
      part(0, undefined, '":1}'),
      chunk({}, 'tool_calls'),
      JSON.stringify({ choices: [], usage: { prompt_tokens: 7, completion_tokens: 3 } }),
    );
    expect(answer).toEqual({
      text: 'I look.',
      calls: [
        { name: 'read', arguments: '{"a":1}' },
        { name: 'list', arguments: '' },
      ],
      finish: 'tool_calls',
      usage: { promptTokens: 7, completionTokens: 3 },
    });
  });

  it('has each call by itself when a provider gives all of them the same index', () => {
    const answer = read(part(0, 'read', '{"a":1}'), part(0, 'read', '{"a":2}'), chunk({}, 'stop'));
    expect(answer.calls.map((call) => call.arguments)).toEqual(['{"a":1}', '{"a":2}']);
  });

  it('is no answer when it breaks off or holds an error', () => {
    expect(() => read(chunk({ content: 'I lo' }))).toThrow('ended in the middle');
    expect(() => read(JSON.stringify({ error: { message: 'the model stopped' } }))).toThrow('the model stopped');
    expect(() => read('not JSON')).toThrow();
  });

  it('is cut off when it grows beyond all bounds', () => {
    const reader = new AnswerReader();
    const piece = chunk({ content: 'x'.repeat(10_000) });
    let taken = 0;
    while (reader.take(piece)) taken += 1;
    expect(taken).toBeLessThan(30);
    expect(reader.end()).toMatchObject({ finish: 'length', text: 'x'.repeat(ANSWER_BYTES) });
  });
});

it('is read from a stream however that is cut into pieces', async () => {
  const stream = ': ping\n\ndata: {"a":"ü€😀"}\r\n\r\nevent: x\ndata: two\n\ndata: [DONE]';
  const bytes = Buffer.from(stream);
  await assert(
    asyncProperty(array(integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 60 }), async (sizes) => {
      async function* pieces() {
        let at = 0;
        for (let index = 0; at < bytes.length; index += 1) {
          await Promise.resolve();
          yield bytes.subarray(at, (at += sizes[index % sizes.length]!));
        }
      }
      const seen: string[] = [];
      for await (const data of eventData(pieces())) seen.push(data);
      expect(seen).toEqual(['{"a":"ü€😀"}', 'two', '[DONE]']);
    }),
  );
});
