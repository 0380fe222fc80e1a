import { type ModelServer, startModelServer } from './index.js';

const models = { large: { inputPerMillionUsd: 2, cachedPerMillionUsd: '0.2', outputPerMillionUsd: 10 } };

let server: ModelServer;
beforeEach(async () => {
  server = await startModelServer({ models });
});
afterEach(() => server.stop());

const ask = (more: object = {}) =>
  fetch(`${server.openaiBaseUrl}/responses`, {
    method: 'POST',
    body: JSON.stringify({ model: 'large', input: 'Say something short.', ...more }),
  });

interface Event {
  type: string;
  sequence_number: number;
  delta?: string;
  item?: { type: string };
  response?: { status: string; usage: unknown };
}
const events = (text: string) =>
  [...text.matchAll(/^event: (.*)\ndata: (.*)$/gm)].map(([, name, data]) => {
    const event = JSON.parse(data!) as Event;
    expect(event.type).toBe(name);
    return event;
  });

it('answers in one piece and bills what the usage says', async () => {
  server.script({ reply: 'twelve bytes', cachedTokens: 4, reasoningTokens: 1 });
  expect(await (await ask({ instructions: 'Be brief.' })).json()).toMatchObject({
    object: 'response',
    status: 'completed',
    model: 'large',
    instructions: 'Be brief.',
    output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'twelve bytes' }] }],
    usage: {
      // 5 and 3 tokens of text, and 3 of frame for each
      input_tokens: 14,
      input_tokens_details: { cached_tokens: 4 },
      output_tokens: 4,
      output_tokens_details: { reasoning_tokens: 1 },
      total_tokens: 18,
    },
  });
  // 10 x 2,000 + 4 x 200 + 4 x 10,000 nano-dollars
  expect(server.calls.at(-1)).toMatchObject({ api: 'responses', state: 'completed', billedNano: 60_800n });
});

it('streams numbered events, item after item', async () => {
  server.script({ reply: 'Hello there, you.', toolCalls: [{ name: 'look', arguments: { at: 'it' } }] });
  const all = events(await (await ask({ stream: true })).text());
  expect(all.map(({ sequence_number: number }) => number)).toEqual(all.map((_, index) => index));
  const deltas = (type: string) => all.filter((event) => event.type === type).map(({ delta }) => delta);
  expect(deltas('response.output_text.delta').join('')).toBe('Hello there, you.');
  expect(deltas('response.function_call_arguments.delta').join('')).toBe('{"at":"it"}');
  const done = all.filter(({ type }) => type === 'response.output_item.done');
  expect(done.map(({ item }) => item?.type)).toEqual(['message', 'function_call']);
  expect(all.at(-1)).toMatchObject({
    type: 'response.completed',
    response: { status: 'completed', usage: { output_tokens: server.calls.at(-1)!.outputTokens } },
  });
});

it('keeps to the limit and says so, refuses what is no request, and breaks off as scripted', async () => {
  server.script({ outputTokens: 100 });
  expect(await (await ask({ max_output_tokens: 16 })).json()).toMatchObject({
    status: 'incomplete',
    incomplete_details: { reason: 'max_output_tokens' },
    usage: { output_tokens: 16 },
  });
  const refused = await ask({ input: undefined });
  expect([refused.status, server.counters.calls]).toEqual([400, 1]);
  server.script({ outputTokens: 40, errorAfterTokens: 8, message: 'out of memory' });
  let text = '';
  const decoder = new TextDecoder();
  const reading = (async () => {
    for await (const part of (await ask({ stream: true })).body!)
      text += decoder.decode(part as Uint8Array, { stream: true });
  })();
  await expect(reading).rejects.toThrow('terminated');
  expect(events(text).at(-1)).toMatchObject({ type: 'error', message: 'out of memory' });
});
