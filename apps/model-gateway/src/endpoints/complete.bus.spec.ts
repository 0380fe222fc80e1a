import { callsGet, modelsComplete } from '@purser/contracts';
import { formatUsd } from '@purser/money';
import { eventually } from '@purser/testing';
import { hello, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;
let key: string;
beforeAll(async () => {
  world = await openWorld();
  key = await world.createKey({ project: 'bus' });
});
afterAll(() => world.close());
beforeEach(() => world.models.clearScript());

interface Seen {
  text: string;
  header: (name: string) => string | undefined;
}

/** As another program would ask, with any client of NATS. */
async function ask(request: object): Promise<Seen[]> {
  const payload = JSON.stringify({ key, ...request });
  const replies = await world.bus.connection.requestMany(modelsComplete.name, payload, {
    strategy: 'sentinel',
    maxWait: 20_000,
  });
  const seen: Seen[] = [];
  for await (const reply of replies) {
    const header = (name: string) => reply.headers?.get(name);
    seen.push({ text: reply.string(), header });
    if (header('Nats-Service-Error-Code') || reply.string().startsWith('{"answer"')) break;
  }
  return seen;
}
const spendOf = (callId: string | undefined) =>
  eventually(() => {
    const found = world.watchdog.spends.find((spend) => spend.callId === callId);
    expect(found).toBeDefined();
    return found!;
  });

it.each([
  [
    'chat-completions',
    hello('code_generation'),
    { choices: [{ message: { content: expect.any(String) as unknown } }] },
  ],
  ['messages', { ...hello('code_generation'), max_tokens: 50 }, { type: 'message', content: [{ type: 'text' }] }],
  ['responses', { model: 'code_generation', input: 'Hello' }, { object: 'response', status: 'completed' }],
])('answers %s in one message, and bills it to the key', async (dialect, body, expected) => {
  const [reply, ...more] = await ask({ dialect, body });
  expect(more).toEqual([]);
  expect(JSON.parse(reply?.text ?? '')).toMatchObject({ answer: expected });
  expect(reply?.header('x-purser-tier')).toBe('tier_1_paid');
  const spend = await spendOf(reply?.header('x-request-id'));
  expect(spend).toMatchObject({ project: 'bus', outcome: 'ok', amountUsd: reply?.header('x-purser-cost-usd') });
  expect(spend.amountUsd).toBe(formatUsd(world.models.calls.at(-1)?.billedNano ?? 0n));
});

it('streams in several messages, with the cost in the last', async () => {
  const seen = await ask({ body: { ...hello('code_generation'), stream: true } });
  const frames = seen.slice(0, -1).map(({ text }) => (JSON.parse(text) as { frames: string }).frames);
  expect(frames.length).toBeGreaterThan(2);
  expect(frames.join('')).toMatch(/^data: \{.*\n\ndata: \[DONE\]\n\n$/s);
  expect(seen[0]?.header('x-purser-model')).toBe(PAID);
  expect(seen.at(-1)?.text).toBe('');
  const spend = await spendOf(seen[0]?.header('x-request-id'));
  expect(seen.at(-1)?.header('x-purser-cost-usd')).toBe(spend.amountUsd);
});

it('asks for a key, and says what is wrong in Purser’s own words', async () => {
  const refused = async (request: object) => (await ask(request))[0]?.header('Nats-Service-Error');
  expect(await refused({ key: 'psk_wrong', body: hello('code_generation') })).toBe('unauthorized');
  expect(await refused({ key: undefined, body: hello('code_generation') })).toBe('invalid_request');
  expect(await refused({ body: { model: 'code_generation' } })).toBe('invalid_request');
  expect(await refused({ body: hello('gpt-none') })).toBe('not_found');
  expect(await refused({ dialect: 'telex', body: {} })).toBe('invalid_request');
  world.watchdog.setBudget({ id: 'b', period: 'total', limitUsd: '0', scope: { project: 'bus' } });
  await world.watchdog.beat();
  await eventually(async () => expect(await refused({ body: hello('paid_only') })).toBe('budget_exhausted'));
  world.watchdog.setBudget({ id: 'b', period: 'total', limitUsd: '1000', scope: { project: 'bus' } });
  await world.watchdog.beat();
  await eventually(async () => expect(await refused({ body: hello('paid_only') })).toBe(''));
});

it.each([false, true])(
  'cancels at the provider what takes longer than its caller waits (stream: %s)',
  async (stream) => {
    world.models.script(stream ? { outputTokens: 4_000, chunkGapMs: 50 } : { hang: 'before' }, {
      model: PAID,
      times: 1,
    });
    const seen = await ask({ body: { ...hello(PAID), stream }, timeoutMs: 500 });
    expect(seen.at(-1)?.header('Nats-Service-Error')).toBe('timeout');
    await eventually(() => expect(world.models.calls.at(-1)?.state).toBe('cancelled'));
    const spend = await eventually(() => {
      const last = world.watchdog.spends.at(-1);
      expect(last?.outcome).toBe('cancelled');
      return last!;
    });
    expect(spend.amountUsd).toBe(spend.holdUsd);
    expect(await eventually(() => world.bus.call(callsGet, { id: spend.callId }))).toMatchObject({
      outcome: 'timeout',
    });
  },
);
