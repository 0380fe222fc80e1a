import { formatUsd } from '@purser/money';
import { eventually } from '@purser/testing';
import type OpenAI from 'openai';
import type { ResponseCreateParamsNonStreaming, ResponseInputItem } from 'openai/resources/responses/responses';
import { FREE, openWorld, PAID, type World } from '../gateway.fixture.js';
import { TestSpends } from '../test-spends.fixture.js';

jest.setTimeout(60_000);
let world: World;
const spends = new TestSpends(() => world);

beforeAll(async () => {
  world = await openWorld({ openai: { protocols: ['chat-completions', 'responses'] } });
});
afterAll(() => world.close());
beforeEach(() => spends.begin());

const oneSpend = () => spends.one();
const billed = () => formatUsd(world.models.calls.at(-1)?.billedNano ?? 0n);
const failure = (work: Promise<unknown>) =>
  work.then(
    () => {
      throw new Error('it succeeded');
    },
    (error: unknown) => error as InstanceType<typeof OpenAI.APIError>,
  );
const lookUp = {
  type: 'function' as const,
  name: 'look_up',
  strict: true,
  parameters: { type: 'object', properties: { at: { type: 'string' } }, required: ['at'], additionalProperties: false },
};
const picture = 'data:image/png;base64,iVBORw0KGgo=';

/** The model, the upstream protocol it is reached by, and the provider. */
describe.each([
  [PAID, 'responses', 'openai'],
  [`ollama/${FREE}`, 'ollama', 'ollama'],
] as const)('%s, asked in %s', (model, api, provider) => {
  const ask = (more: Partial<ResponseCreateParamsNonStreaming> = {}) =>
    world.client().responses.create({ model, input: 'Hello', ...more });
  const request = () => world.models.calls.at(-1)?.request;

  it('answers, and the ledger says what the server billed', async () => {
    world.models.script({ reply: 'Good day.', cachedTokens: api === 'responses' ? 3 : 0 });
    const { data, response } = await world
      .client()
      .responses.create({ model, input: 'Hello', instructions: 'Be brief.', metadata: { of: 'mine' } })
      .withResponse();
    expect(data).toMatchObject({ status: 'completed', output_text: 'Good day.', instructions: 'Be brief.' });
    expect(data.metadata).toEqual({ of: 'mine' });
    const call = world.models.calls.at(-1);
    expect(call?.api).toBe(api);
    expect(data.usage).toMatchObject({ input_tokens: call?.inputTokens, output_tokens: call?.outputTokens });
    expect(response.headers.get('x-purser-provider')).toBe(provider);
    expect(response.headers.get('x-purser-max-tokens-set')).not.toBeNull();
    expect(await oneSpend()).toMatchObject({ provider, outcome: 'ok', finality: 'final', amountUsd: billed() });
    expect(response.headers.get('x-purser-cost-usd')).toBe(billed());
  });

  it('streams what the client puts together to the same', async () => {
    world.models.script({ reply: 'Good day to you, too.', chunkTokens: 1 });
    const stream = world.client().responses.stream({ model, input: 'Hello' });
    let text = '';
    stream.on('response.output_text.delta', ({ delta }) => (text += delta));
    const final = await stream.finalResponse();
    expect(text).toBe('Good day to you, too.');
    expect(final).toMatchObject({ status: 'completed', output_text: text });
    expect(final.usage?.output_tokens).toBe(world.models.calls.at(-1)?.outputTokens);
    expect(await oneSpend()).toMatchObject({ outcome: 'ok', amountUsd: billed() });
  });

  it('calls functions, over several turns', async () => {
    world.models.script(
      {
        toolCalls: [
          { name: 'look_up', arguments: { at: 'a' } },
          { name: 'look_up', arguments: { at: 'b' } },
        ],
      },
      { times: 1 },
    );
    const input: ResponseInputItem[] = [{ role: 'user', content: 'Look.' }];
    const first = await world
      .client()
      .responses.stream({ model, input, tools: [lookUp] })
      .finalResponse();
    const calls = first.output.filter((item) => item.type === 'function_call');
    expect(calls.map(({ name, arguments: given }) => [name, JSON.parse(given) as unknown])).toEqual([
      ['look_up', { at: 'a' }],
      ['look_up', { at: 'b' }],
    ]);
    world.models.script({ reply: 'Both are there.' });
    for (const { call_id: id, name, arguments: given } of calls)
      input.push({ type: 'function_call', call_id: id, name, arguments: given });
    for (const { call_id: id } of calls)
      input.push({ type: 'function_call_output', call_id: id, output: 'it is there' });
    expect((await ask({ input, tools: [lookUp] })).output_text).toBe('Both are there.');
    const sent = JSON.stringify(request());
    expect(sent.match(/it is there/g)).toHaveLength(2);
    expect(sent).toContain('look_up');
  });

  it('sees pictures, and heeds a schema', async () => {
    world.models.script({ reply: '{"seen":true}' });
    const schema = {
      type: 'object',
      properties: { seen: { type: 'boolean' } },
      required: ['seen'],
      additionalProperties: false,
    };
    const answer = await world.client().responses.parse({
      model,
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'What is it?' },
            { type: 'input_image', image_url: picture, detail: 'auto' },
          ],
        },
      ],
      text: { format: { type: 'json_schema', name: 'seen', strict: true, schema } },
    });
    expect(answer.output_text).toBe('{"seen":true}');
    const sent = JSON.stringify(request());
    expect(sent).toContain('iVBORw0KGgo=');
    expect(sent).toContain(JSON.stringify(schema));
  });

  it('says when the limit cut it short', async () => {
    world.models.script({ outputTokens: 200 });
    const whole = await ask({ max_output_tokens: 20 });
    const streamed = await world
      .client()
      .responses.stream({ model, input: 'Hello', max_output_tokens: 20 })
      .finalResponse();
    for (const answer of [whole, streamed])
      expect(answer).toMatchObject({
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
        max_output_tokens: 20,
        usage: { output_tokens: 20 },
      });
    expect(world.models.calls.slice(-2).map(({ outputLimit }) => outputLimit)).toEqual([20, 20]);
  });

  it('is cancelled when the client leaves', async () => {
    world.models.script({ outputTokens: 400, chunkGapMs: 20 }, { times: 1 });
    const stream = await world.client().responses.create({ model, input: 'Hello', stream: true });
    for await (const { type } of stream) if (type === 'response.output_text.delta') break;
    await eventually(() => expect(world.models.calls.at(-1)?.state).toBe('cancelled'));
    expect(await oneSpend()).toMatchObject({ outcome: 'cancelled' });
  });

  it('tells within the stream that its provider failed', async () => {
    world.models.script({ outputTokens: 40, errorAfterTokens: 12, message: 'out of memory' }, { times: 1 });
    const stream = await world.client().responses.create({ model, input: 'Hello', stream: true });
    const types: string[] = [];
    const error = await failure(
      (async () => {
        for await (const { type } of stream) types.push(type);
      })(),
    );
    expect(types).toContain('response.output_text.delta');
    expect(types).not.toContain('response.completed');
    expect(error).toMatchObject({ code: 'provider_failed', type: 'api_error' });
    expect(await oneSpend()).toMatchObject({ outcome: 'unknown' });
    // Until the model is no longer left alone.
    await eventually(async () => expect((await ask()).status).toBe('completed'));
  });
});

describe('what a provider cannot do', () => {
  it('makes its tier be passed over, with the reason', async () => {
    world.models.script({ status: 503 }, { model: PAID, times: 1 });
    const error = await failure(
      world.client().responses.create({ model: 'code_generation', input: 'Hi', tools: [{ type: 'web_search' }] }),
    );
    expect(error.message).toContain('tools[0].type');
    await eventually(async () => {
      const answer = await world.client().responses.create({ model: PAID, input: 'Hi' });
      expect(answer.output_text).toContain(PAID);
    });
  });

  it('is refused when no tier is left', async () => {
    const error = await failure(
      world.client().responses.create({ model: `ollama/${FREE}`, input: 'Hi', previous_response_id: 'resp_1' }),
    );
    expect(error).toMatchObject({ status: 400, code: 'unsupported_parameter', param: 'previous_response_id' });
  });

  it('reaches a provider that speaks the protocol, unless a budget applies', async () => {
    const ask = () => world.client().responses.create({ model: PAID, input: 'Hi', previous_response_id: 'resp_1' });
    await ask();
    expect(world.models.calls.at(-1)?.request).toMatchObject({ previous_response_id: 'resp_1' });
    world.watchdog.setBudget({ id: 'all', period: 'total', limitUsd: '1' });
    await world.watchdog.beat();
    await eventually(async () =>
      expect(await failure(ask())).toMatchObject({
        status: 400,
        code: 'unsupported_parameter',
        param: 'previous_response_id',
      }),
    );
  });
});

describe('refuses', () => {
  it('what is no request, in OpenAI’s shape', async () => {
    const error = await failure(world.client().responses.create({ model: PAID }));
    expect(error).toMatchObject({
      status: 400,
      code: 'invalid_request',
      param: 'input',
      type: 'invalid_request_error',
    });
    const background = await failure(world.client().responses.create({ model: PAID, input: 'Hi', background: true }));
    expect(background).toMatchObject({ status: 400, param: 'background' });
  });

  it('without a key', async () => {
    expect(await failure(world.client('psk_wrong').responses.create({ model: PAID, input: 'Hi' }))).toMatchObject({
      status: 401,
      code: 'unauthorized',
    });
  });

  it('to fetch or to delete what is not stored, and says so', async () => {
    const { responses } = world.client();
    const works: Promise<unknown>[] = [
      responses.retrieve('resp_1'),
      responses.delete('resp_1'),
      responses.cancel('resp_1'),
      responses.inputItems.list('resp_1'),
    ];
    for (const error of await Promise.all(works.map(failure))) {
      expect(error).toMatchObject({ status: 404, code: 'not_found' });
      expect(error.message).toContain('not stored here');
    }
  });
});
