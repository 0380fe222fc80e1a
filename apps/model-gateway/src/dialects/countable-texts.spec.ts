import { parseBody } from '../bodies/client-body.js';
import { LongTexts } from '../bodies/long-texts.js';
import { countableTexts } from './countable-texts.js';

const size = { textBytes: 0, messages: 3, tools: 1, images: 0 };
const long = (what: string) => `${what} `.repeat(20);
const picture = `data:image/png;base64,${'A'.repeat(500)}`;
const read = (body: object, more: object = {}) => countableTexts({ ...body }, { ...size, ...more }, LongTexts.none);
const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));

it('takes the texts of messages out, and leaves everything else to its bytes', () => {
  const tool = { type: 'function', function: { name: 'look', description: long('looks') } };
  const call = { id: 'c', type: 'function', function: { name: 'look', arguments: `{"at": "${long('it')}"}` } };
  const body = (system: string, one: string, two: string, result: string) => ({
    messages: [
      { role: 'system', content: system, name: long('named') },
      {
        role: 'user',
        content: [
          { type: 'text', text: one },
          { type: 'text', text: 'short' },
          { type: 'text', text: two },
        ],
      },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c', content: result },
    ],
    tools: [tool],
    response_format: { type: 'json_schema', json_schema: { description: long('content') } },
  });
  const texts = [long('Größe'), long('a'), long('b'), long('漢字')] as const;
  const read1 = read(body(...texts));
  expect(read1.texts).toEqual(texts);
  expect(read1.rest).toEqual({ ...size, textBytes: bytes(body('', '', '', '')) });
});

it('reads responses', () => {
  const body = (instructions: string, said: string, output: string, part: string) => ({
    instructions,
    input: [
      { role: 'user', content: said },
      { type: 'function_call', call_id: 'c', name: 'look', arguments: long('{}') },
      { type: 'function_call_output', call_id: 'c', output },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: part }] },
    ],
  });
  const texts = [long('a'), long('b'), long('c'), long('d')] as const;
  const { texts: found, rest } = read(body(...texts));
  expect(found).toEqual(texts);
  expect(rest.textBytes).toBe(bytes(body('', '', '', '')));
  expect(read({ input: long('x') }).texts).toEqual([long('x')]);
});

it('leaves out pictures, which have a rule of their own, and nothing that only says it is one', () => {
  const chat = (url: string) => ({
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
  });
  expect(read(chat(picture))).toMatchObject({ texts: [], rest: { images: 1 } });
  expect(read(chat(picture)).rest.textBytes).toBeLessThan(100);
  expect(read(chat('https://example.org/a.png')).rest.textBytes).toBe(bytes(chat('https://example.org/a.png')));
  const response = { input: [{ role: 'user', content: [{ type: 'input_image', image_url: picture }] }] };
  expect(read(response, { images: 1 }).rest).toMatchObject({ images: 1 });
  expect(read(response).rest.textBytes).toBeLessThan(100);
  for (const body of [{ messages: [{ role: 'user', name: picture, content: 'Hi' }] }, { metadata: { picture } }])
    expect(read(body).rest.textBytes).toBe(bytes(body));
});

it('knows what was set aside of a long body', async () => {
  const text = 'word '.repeat(20_000);
  const other = 'x'.repeat(70_000);
  const { value, longTexts } = await parseBody(
    Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: text, name: other }] })),
  );
  const { texts, rest } = countableTexts(value as Record<string, unknown>, size, longTexts);
  expect(texts).toEqual([text]);
  expect(rest.textBytes).toBe(bytes({ messages: [{ role: 'user', content: '', name: other }] }));
});
