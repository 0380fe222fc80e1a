import Anthropic from '@anthropic-ai/sdk';
import { FREE, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
let world: World;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(() => world.close());

const client = (apiKey = world.adminKey) => new Anthropic({ apiKey, baseURL: world.gateway.url, maxRetries: 0 });
const messages = [{ role: 'user' as const, content: 'How long is this? '.repeat(70) }];

it('estimates how long a prompt is where no provider can say, calls nobody and says so', async () => {
  const calls = world.models.counters.calls;
  const { data, response } = await client().messages.countTokens({ model: 'code_generation', messages }).withResponse();
  expect(response.status).toBe(200);
  expect(response.headers.get('x-purser-estimated')).toBe('true');
  // 1,260 characters of English.
  expect(data.input_tokens).toBeGreaterThan(280);
  expect(data.input_tokens).toBeLessThan(420);
  const longer = await client().messages.countTokens({
    model: 'code_generation',
    messages,
    system: 'And more. '.repeat(50),
  });
  expect(longer.input_tokens).toBeGreaterThan(data.input_tokens + 100);
  expect(world.models.counters.calls).toBe(calls);
});

it('counts for nobody without a key, and nothing that is not there', async () => {
  await expect(client('psk_wrong').messages.countTokens({ model: PAID, messages })).rejects.toMatchObject({
    status: 401,
    type: 'authentication_error',
  });
  await expect(client().messages.countTokens({ model: 'claude-none', messages })).rejects.toMatchObject({
    status: 404,
    type: 'not_found_error',
  });
  await expect(client().messages.countTokens({ model: PAID, messages: [] })).rejects.toMatchObject({
    status: 400,
    type: 'invalid_request_error',
    details: { param: 'messages' },
  });
});

it('lists models as Anthropic’s clients know it', async () => {
  const ids: string[] = [];
  for await (const model of client().models.list()) ids.push(model.id);
  expect(ids).toEqual(expect.arrayContaining(['code_generation', PAID, FREE]));
  const { data } = await client().models.list();
  expect(data.find(({ id }) => id === PAID)).toMatchObject({ type: 'model', display_name: PAID, max_tokens: 4_096 });
  await expect(client('psk_wrong').models.list()).rejects.toMatchObject({ status: 401, type: 'authentication_error' });
  expect((await world.client().models.list()).data.map(({ id }) => id)).toEqual(ids);
});
