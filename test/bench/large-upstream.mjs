// Stands in for model providers that are asked with large bodies, in a process of its own: it takes each body to its end,
// looks at nothing in it but whether it asks for a stream, and answers shortly in the protocol of the path. It prints its
// address.
import { Buffer } from 'node:buffer';
import { createServer } from 'node:http';

const chat = (usage) => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'bench',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: usage, completion_tokens: 1, total_tokens: usage + 1 },
});
const message = (usage) => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'bench',
  content: [{ type: 'text', text: 'Hello' }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: usage, output_tokens: 1 },
});
const response = (usage) => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1_700_000_000,
  model: 'bench',
  status: 'completed',
  output: [
    {
      type: 'message',
      id: 'msg_1',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'Hello', annotations: [] }],
    },
  ],
  usage: { input_tokens: usage, output_tokens: 1, total_tokens: usage + 1 },
});

const PROTOCOLS = {
  '/v1/chat/completions': {
    whole: chat,
    events: (usage) => [
      [
        undefined,
        {
          ...chat(usage),
          object: 'chat.completion.chunk',
          choices: [{ index: 0, delta: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
        },
      ],
      [undefined, '[DONE]'],
    ],
  },
  '/v1/messages': {
    whole: message,
    events: (usage) => [
      ['message_start', { type: 'message_start', message: { ...message(usage), content: [], stop_reason: null } }],
      ['content_block_start', { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }],
      ['content_block_delta', { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hello' } }],
      ['content_block_stop', { type: 'content_block_stop', index: 0 }],
      [
        'message_delta',
        { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 1 } },
      ],
      ['message_stop', { type: 'message_stop' }],
    ],
  },
  '/v1/responses': {
    whole: response,
    events: (usage) => [
      [
        'response.created',
        { type: 'response.created', sequence_number: 0, response: { ...response(usage), status: 'in_progress' } },
      ],
      [
        'response.output_text.delta',
        {
          type: 'response.output_text.delta',
          sequence_number: 1,
          item_id: 'msg_1',
          output_index: 0,
          content_index: 0,
          delta: 'Hello',
        },
      ],
      ['response.completed', { type: 'response.completed', sequence_number: 2, response: response(usage) }],
    ],
  },
};

const asks = (parts) => {
  // Such a parameter stands at the very beginning or end of what a client writes.
  const ends = [parts[0]?.subarray(0, 4_096), parts.at(-1)?.subarray(-4_096)];
  return ends.some((part) => part?.includes('"stream":true'));
};

const server = createServer((request, answer) => {
  const parts = [];
  let bytes = 0;
  request.on('data', (part) => {
    if (parts.length < 2) parts.push(part);
    else parts[1] = part;
    bytes += part.length;
  });
  request.on('end', () => {
    const protocol = PROTOCOLS[request.url];
    const json = (value) => {
      const text = JSON.stringify(value);
      answer
        .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
        .end(text);
    };
    if (request.method === 'GET')
      return json({ object: 'list', data: [{ id: 'bench', object: 'model' }], has_more: false });
    if (request.url === '/v1/messages/count_tokens') return json({ input_tokens: 1_000 });
    if (!protocol) return answer.writeHead(404).end();
    const usage = Math.max(1, Math.floor(bytes / 100));
    if (!asks(parts)) return json(protocol.whole(usage));
    answer.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const [event, data] of protocol.events(usage))
      answer.write(
        `${event ? `event: ${event}\n` : ''}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`,
      );
    answer.end();
  });
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
