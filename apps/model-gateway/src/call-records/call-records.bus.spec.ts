import { type Call, callsGet } from '@purser/contracts';
import { eventually } from '@purser/testing';
import { FREE, hello, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());
beforeEach(() => world.models.clearScript());

const explain = async (id: string | null, key = world.adminKey) => {
  const response = await fetch(`${world.gateway.url}/v1/calls/${id}`, { headers: { authorization: `Bearer ${key}` } });
  return { status: response.status, call: (await response.json()) as Call };
};
const kept = (id: string) => eventually(() => world.bus.call(callsGet, { id }));

it('explains a call that fell back: who, what for, and what became of every tier', async () => {
  world.models.script({ status: 429, message: 'come back later\u0000' }, { model: PAID, times: 1 });
  const { response } = await world.client().chat.completions.create(hello('code_generation')).withResponse();
  const id = response.headers.get('x-request-id') ?? '';
  const expected = {
    id,
    kind: 'chat-completions',
    model: 'code_generation',
    capability: 'code_generation',
    streaming: false,
    key: 'admin',
    outcome: 'ok',
    message: null,
    costUsd: '0.00',
    tiers: [
      {
        tier: 'tier_1_paid',
        model: PAID,
        why: 'failed',
        reason: expect.stringContaining('come back later') as unknown,
        attempt: { outcome: 'failed', amountUsd: '0.00', maxTokensSet: 1_024, priceRow: expect.any(String) as unknown },
      },
      { tier: 'tier_3_free', provider: 'ollama', model: FREE, why: null, attempt: { outcome: 'ok', holdUsd: '0.00' } },
    ],
  };
  // At once on this gateway, and from the database on any.
  expect(await explain(id)).toMatchObject({ status: 200, call: expected });
  const call = await kept(id);
  expect(call).toMatchObject(expected);
  expect(call.tiers[0]?.attempt?.holdUsd).not.toBe('0.00');
  expect(Math.abs(Date.parse(call.at) - Date.now())).toBeLessThan(60_000);
});

it('explains a refusal with what the client was told', async () => {
  const response = await world.post(hello('unpriced'));
  const id = response.headers.get('x-request-id') ?? '';
  expect(await kept(id)).toMatchObject({
    outcome: 'no_tier',
    message: expect.stringContaining('purser prices set') as unknown,
    tiers: [{ why: 'no_price', attempt: null }],
  });
});

it('explains a stream whose client left, with what it cost', async () => {
  await eventually(() => world.client().chat.completions.create(hello(PAID)));
  world.models.script({ outputTokens: 1_000, chunkGapMs: 10 }, { model: PAID, times: 1 });
  const { data, response } = await world
    .client()
    .chat.completions.create({ ...hello(PAID), stream: true })
    .withResponse();
  for await (const _ of data) break;
  const call = await kept(response.headers.get('x-request-id') ?? '');
  expect(call).toMatchObject({
    streaming: true,
    outcome: 'cancelled',
    tiers: [{ why: null, attempt: { outcome: 'cancelled' } }],
  });
  expect(call.costUsd).toBe(call.tiers[0]?.attempt?.holdUsd);
});

it('shows a key its own calls alone', async () => {
  const [own, other] = [await world.createKey({ project: 'a' }), await world.createKey({})];
  const { response } = await world.client(own).chat.completions.create(hello(FREE)).withResponse();
  const id = response.headers.get('x-request-id') ?? '';
  await kept(id);
  expect(await explain(id, own)).toMatchObject({ status: 200, call: { id, project: 'a' } });
  expect(await explain(id)).toMatchObject({ status: 200 });
  expect(await explain(id, other)).toMatchObject({ status: 404 });
  expect(await explain(id, 'psk_wrong')).toMatchObject({ status: 401 });
  expect(await explain('call-none')).toMatchObject({ status: 404 });
});

it('keeps what ended just before the gateway stopped', async () => {
  const { response } = await world.client().chat.completions.create(hello(FREE)).withResponse();
  await world.restart();
  expect(await explain(response.headers.get('x-request-id'))).toMatchObject({ status: 200 });
});
