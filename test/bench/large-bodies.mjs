// Requests that are large in one way each, as JSON in bytes.
import { Buffer } from 'node:buffer';

const MB = 1024 * 1024;
const PIXELS = 'iVBORw0KGgoAAAANSUhEUgAA'.repeat(1_000);

const picture = (bytes) => PIXELS.repeat(Math.ceil(bytes / PIXELS.length)).slice(0, bytes);
const SENTENCE = 'The quick brown fox jumps over the lazy dog, again and again. ';
const text = (bytes, sentence = SENTENCE) => sentence.repeat(Math.ceil(bytes / Buffer.byteLength(sentence)));

/** What a request says, in the terms of each protocol. */
const PROTOCOLS = {
  chat: {
    path: '/v1/chat/completions',
    picture: (data) => ({ type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } }),
    text: (said) => ({ type: 'text', text: said }),
    body: (messages, { tools = [], ...rest }) => ({
      ...rest,
      messages,
      ...(tools.length > 0 ? { tools: tools.map((tool) => ({ type: 'function', function: tool })) } : {}),
    }),
  },
  messages: {
    path: '/v1/messages',
    picture: (data) => ({ type: 'image', source: { type: 'base64', media_type: 'image/png', data } }),
    text: (said) => ({ type: 'text', text: said }),
    body: (messages, { tools = [], ...rest }) => ({
      ...rest,
      max_tokens: 100,
      messages,
      ...(tools.length > 0
        ? { tools: tools.map(({ parameters, ...tool }) => ({ ...tool, input_schema: parameters })) }
        : {}),
    }),
  },
  responses: {
    path: '/v1/responses',
    picture: (data) => ({ type: 'input_image', image_url: `data:image/png;base64,${data}` }),
    text: (said) => ({ type: 'input_text', text: said }),
    body: (input, { tools = [], ...rest }) => ({
      ...rest,
      input,
      ...(tools.length > 0 ? { tools: tools.map((tool) => ({ type: 'function', ...tool })) } : {}),
    }),
  },
};

const one = (...content) => [{ role: 'user', content }];
const turns = (count, said) =>
  Array.from({ length: count }, (_, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content: said }));
const tool = (index) => ({
  name: `tool_${index}`,
  description: text(200),
  parameters: {
    type: 'object',
    properties: Object.fromEntries(
      Array.from({ length: 20 }, (_, at) => [
        `field_${at}`,
        { type: 'string', description: text(60), enum: ['a', 'b'] },
      ]),
    ),
  },
});

/** Name, and what it has instead of a short message. */
export const SHAPES = {
  'picture 20 MB': ({ picture: as, text: say }) => ({ messages: one(say('What is it?'), as(picture(20 * MB))) }),
  'picture 20 MB, "\\/"': ({ picture: as, text: say }) => ({
    messages: one(say('What is it?'), as(`${'A'.repeat(60)}/`.repeat(Math.ceil((20 * MB) / 62)))),
    escapedSlashes: true,
  }),
  '400 pictures, 20 MB': ({ picture: as, text: say }) => ({
    messages: one(say('What is it?'), ...Array.from({ length: 400 }, () => as(picture(50 * 1024)))),
  }),
  'text 400 KB': ({ text: say }) => ({ messages: one(say(text(400_000))) }),
  'text 400 KB, escapes': ({ text: say }) => ({ messages: one(say(text(400_000, `"Fox" said\n\tthe dog\\n`))) }),
  'text 400 KB, not ASCII': ({ text: say }) => ({
    messages: one(say(text(400_000, 'Zwölf Boxkämpfer jagen 狐 über den großen Deich. '))),
  }),
  'text 20 MB, escapes': ({ text: say }) => ({ messages: one(say(text(20 * MB, `${SENTENCE}\n`))) }),
  '10,000 messages': () => ({ messages: turns(10_000, 'Yes, and so it goes on.') }),
  '9,999 messages of 1 KB': () => ({ messages: turns(9_999, text(1_000)) }),
  '1,000 tools, 3 MB': ({ text: say }) => ({
    messages: one(say('Hello')),
    tools: Array.from({ length: 1_000 }, (_, n) => tool(n)),
  }),
};

/** @returns where it goes, and its bytes */
export function large(protocol, shape, { model, stream }) {
  const { path, body, ...terms } = PROTOCOLS[protocol];
  const { messages, escapedSlashes, ...more } = SHAPES[shape](terms);
  const json = JSON.stringify(body(messages, { model, ...(stream ? { stream: true } : {}), ...more }));
  return { path, bytes: Buffer.from(escapedSlashes ? json.replaceAll('/', '\\/') : json) };
}
