import Anthropic from '@anthropic-ai/sdk';
import { formatUsd } from '@purser/money';
import { eventually } from '@purser/testing';
import { FREE, openWorld, PAID, type World } from '../gateway.fixture.js';
import { TestSpends } from '../test-spends.fixture.js';

jest.setTimeout(60_000);
let world: World;
const spends = new TestSpends(() => world);

beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => spends.begin());

const client = (apiKey = world.adminKey) => new Anthropic({ apiKey, baseURL: world.gateway.url, maxRetries: 0 });
const ask = (model: string, more: object = {}): Anthropic.MessageCreateParamsNonStreaming => ({
  model,
  max_tokens: 1_000,
  messages: [{ role: 'user', content: 'Hello' }],
  ...more,
});
const asked = () => world.models.calls.at(-1)?.request as { messages: object[]; [parameter: string]: unknown };
const failure = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error as InstanceType<typeof Anthropic.APIError>,
  );
const oneSpend = () => spends.one();
const text = ({ content }: { content: Anthropic.ContentBlock[] }) =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('');

const weather: Anthropic.Tool = {
  name: 'get_weather',
  description: 'Tells the weather',
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
};
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

describe.each([
  ['OpenAI’s wire', `openai/${PAID}`],
  ['Ollama’s wire', `ollama/${FREE}`],
])('over %s', (_, model) => {
  it('a message is answered, and its usage is what the provider billed', async () => {
    world.models.script({ cachedTokens: 2 }, { times: 1 });
    const { data, response, request_id: id } = await client().messages.create(ask(model)).withResponse();
    expect(response.status).toBe(200);
    const call = world.models.calls.at(-1);
    expect(data).toMatchObject({
      type: 'message',
      role: 'assistant',
      stop_reason: 'end_turn',
      stop_sequence: null,
      content: [{ type: 'text', text: expect.stringContaining('demo model') as unknown }],
    });
    expect(data.id).toMatch(/^msg_/);
    const { input_tokens: fresh, cache_read_input_tokens: cached, output_tokens: output } = data.usage;
    expect(fresh + (cached ?? 0)).toBe(call?.inputTokens);
    expect(output).toBe(call?.outputTokens);
    expect(id).toBe(response.headers.get('x-request-id'));
    expect(await oneSpend()).toMatchObject({
      callId: id,
      outcome: 'ok',
      finality: 'final',
      amountUsd: formatUsd(call?.billedNano ?? 0n),
      inputTokens: call?.inputTokens,
      outputTokens: call?.outputTokens,
    });
  });

  it('a stream comes piece by piece and ends with its usage', async () => {
    const stream = client().messages.stream(ask(model));
    const kinds: string[] = [];
    stream.on('streamEvent', ({ type }) => kinds.push(type));
    const message = await stream.finalMessage();
    const call = world.models.calls.at(-1);
    expect(text(message)).toContain('demo model');
    expect(kinds.filter((kind) => kind === 'content_block_delta').length).toBeGreaterThan(2);
    expect([kinds[0], kinds[1], ...kinds.slice(-3)]).toEqual([
      'message_start',
      'content_block_start',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    expect(message.usage.input_tokens + (message.usage.cache_read_input_tokens ?? 0)).toBe(call?.inputTokens);
    expect(message.usage.output_tokens).toBe(call?.outputTokens);
    expect(stream.request_id).toMatch(/^call-/);
    expect((await oneSpend())?.amountUsd).toBe(formatUsd(call?.billedNano ?? 0n));
  });

  it('the system prompt, the whole conversation and its pictures arrive', async () => {
    const png = { type: 'base64', media_type: 'image/png', data: pixel } as const;
    await client().messages.create(
      ask(model, {
        system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
        messages: [
          { role: 'user', content: 'One' },
          { role: 'assistant', content: [{ type: 'text', text: 'Two' }] },
          {
            role: 'user',
            content: [
              { type: 'image', source: png },
              { type: 'text', text: 'Three' },
            ],
          },
        ],
        temperature: 0.3,
        stop_sequences: ['END'],
        metadata: { user_id: 'ada' },
      }),
    );
    const [system, one, two, three] = asked().messages;
    expect(system).toEqual({ role: 'system', content: 'Be brief.' });
    expect([one, two]).toEqual([
      { role: 'user', content: 'One' },
      { role: 'assistant', content: 'Two' },
    ]);
    expect(JSON.stringify(three)).toContain(pixel);
    expect(JSON.stringify(three)).toContain('Three');
    expect(JSON.stringify(asked())).toContain('"END"');
    expect(JSON.stringify(asked())).toContain('0.3');
  });

  it.each([false, true])('tools are called and their results come back (streaming: %s)', async (streaming) => {
    const calls = [
      { name: 'get_weather', arguments: { city: 'Köln' } },
      { name: 'get_weather', arguments: { city: 'Bonn' } },
    ];
    world.models.script({ reply: 'I look.', toolCalls: calls }, { times: 1 });
    const question = { role: 'user' as const, content: 'And the weather?' };
    const params = ask(model, { tools: [weather], messages: [question] });
    const answer = streaming
      ? await client().messages.stream(params).finalMessage()
      : await client().messages.create(params);
    expect(answer.stop_reason).toBe('tool_use');
    expect(answer.content).toMatchObject([
      { type: 'text', text: 'I look.' },
      { type: 'tool_use', name: 'get_weather', input: { city: 'Köln' } },
      { type: 'tool_use', name: 'get_weather', input: { city: 'Bonn' } },
    ]);
    expect(JSON.stringify(asked().tools)).toContain('Tells the weather');

    const uses = answer.content.filter((block) => block.type === 'tool_use');
    expect(new Set(uses.map(({ id }) => id)).size).toBe(2);
    const results = uses.map(({ id }, index) => ({
      type: 'tool_result' as const,
      tool_use_id: id,
      content: `${index} degrees`,
      is_error: index === 1,
    }));
    await client().messages.create(
      ask(model, {
        tools: [weather],
        messages: [question, { role: 'assistant', content: answer.content }, { role: 'user', content: results }],
      }),
    );
    expect(asked().messages.map((message) => (message as { role: string }).role)).toEqual([
      'user',
      'assistant',
      'tool',
      'tool',
    ]);
    expect(asked().messages).toMatchObject([
      {},
      { content: 'I look.', tool_calls: [{}, {}] },
      { content: '0 degrees' },
      { content: 'Error: 1 degrees' },
    ]);
  });

  it('max_tokens is kept to, and said', async () => {
    world.models.script({ outputTokens: 5_000 }, { times: 2 });
    const message = await client().messages.create(ask(model, { max_tokens: 7 }));
    expect(message).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 7 } });
    const streamed = await client()
      .messages.stream(ask(model, { max_tokens: 7 }))
      .finalMessage();
    expect(streamed).toMatchObject({ stop_reason: 'max_tokens', usage: { output_tokens: 7 } });
  });

  it('a failure after the answer began is an error event', async () => {
    world.models.script({ outputTokens: 40, errorAfterTokens: 8 }, { times: 1 });
    const seen: string[] = [];
    const stream = client().messages.stream(ask(model));
    stream.on('text', (piece) => seen.push(piece));
    const error = await failure(stream.finalMessage());
    expect(seen.join('')).not.toBe('');
    expect(error).toMatchObject({ type: 'api_error', errorCode: 'provider_failed' });
    await eventually(() => client().messages.create(ask(model)));
  });

  it('a client that leaves has its call cancelled', async () => {
    world.models.script({ outputTokens: 400, chunkGapMs: 20 }, { times: 1 });
    const stream = await client().messages.create({ ...ask(model), stream: true });
    for await (const event of stream) if (event.type === 'content_block_delta') break;
    await eventually(() => expect(world.models.calls.at(-1)?.state).toBe('cancelled'));
    expect(await oneSpend()).toMatchObject({ outcome: 'cancelled' });
  });
});

describe('a choice of tools', () => {
  it('is said where it can be', async () => {
    await client().messages.create(
      ask(PAID, { tools: [weather], tool_choice: { type: 'any', disable_parallel_tool_use: true } }),
    );
    expect(asked()).toMatchObject({ tool_choice: 'required', parallel_tool_calls: false });
  });

  it('passes a tier over that cannot honour it', async () => {
    const params = ask(`ollama/${FREE}`, { tools: [weather], tool_choice: { type: 'any' } });
    const error = await failure(client().messages.create(params));
    expect(error).toMatchObject({ status: 400, type: 'invalid_request_error', details: { param: 'tool_choice' } });
  });
});
