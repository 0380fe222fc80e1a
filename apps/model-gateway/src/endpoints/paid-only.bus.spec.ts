import { keysUpdate, type sessionRefused, type FactData } from '@purser/contracts';
import { eventually } from '@purser/testing';
import { hello, openWorld, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;
const refused: FactData<typeof sessionRefused>[] = [];
const body = { ...hello('code_generation'), max_tokens: 100 };

beforeAll(async () => {
  world = await openWorld();
  world.bus.connection.subscribe('session.refused.*', {
    callback: (_error, message) => {
      refused.push(message.json<{ data: FactData<typeof sessionRefused> }>().data);
    },
  });
  world.watchdog.setBudget({ id: 'daily', period: 'day', limitUsd: '0.0001' }, '2099-01-01T00:00:00.000Z');
  await world.watchdog.beat();
});
afterAll(() => world.close());
afterEach(() => refused.splice(0));

const tierOf = async (key: string) => {
  const { response } = await world.client(key).chat.completions.create(body).withResponse();
  return response.headers.get('x-purser-tier');
};
const refusalOf = (key: string, asked = body) =>
  world
    .client(key)
    .chat.completions.create(asked)
    .then(
      () => Promise.reject(new Error('it was answered')),
      (error: unknown) => error as { status: number; error: unknown },
    );

it('refuses what no budget pays for, where another key goes on for free, and says so before the caller knows', async () => {
  const paid = await world.createKey({ task: 't-1', session: 's-1', paidOnly: true });
  expect(await tierOf(await world.createKey({ task: 't-1', session: 's-2' }))).toBe('tier_3_free');
  const { status, error } = await refusalOf(paid);
  expect(status).toBe(402);
  expect(error).toMatchObject({ details: { budgets: ['daily'], resetsAt: '2099-01-01T00:00:00.000Z' } });
  await world.bus.connection.flush();
  expect(refused).toEqual([
    {
      taskId: 't-1',
      sessionId: 's-1',
      paidOnly: true,
      budgets: ['daily'],
      resetsAt: '2099-01-01T00:00:00.000Z',
      needUsd: expect.stringMatching(/^0\.00\d+$/) as unknown,
    },
  ]);
});

it('says so of every session that asks for what nobody pays for', async () => {
  const key = await world.createKey({ task: 't-2', session: 's-3' });
  expect((await refusalOf(key, { ...body, model: 'demo-paid' })).status).toBe(402);
  await world.bus.connection.flush();
  expect(refused).toMatchObject([{ taskId: 't-2', sessionId: 's-3', paidOnly: false, budgets: ['daily'] }]);
});

it('refuses a model that is free whatever the budgets say', async () => {
  const paid = await world.createKey({ paidOnly: true });
  const { status, error } = await refusalOf(paid, hello('demo-free') as typeof body);
  expect(status).toBe(403);
  expect(error).toMatchObject({ message: expect.stringContaining('paid tiers alone') as unknown });
  expect(refused).toEqual([]);
});

it('may be changed while the key is in use', async () => {
  const secret = await world.createKey({ id: 'in-use' });
  expect(await tierOf(secret)).toBe('tier_3_free');
  expect(await world.bus.call(keysUpdate, { id: 'in-use', paidOnly: true })).toMatchObject({ paidOnly: true });
  await eventually(async () => expect((await refusalOf(secret)).status).toBe(402));
});
