import { logTo } from '@purser/service';
import { eventually } from '@purser/testing';
import { FREE, hello, openWorld, PAID, type World } from '../gateway.fixture.js';

jest.setTimeout(60_000);
const UPSTREAM_KEY = 'sk-upstream-0123456789';
let world: World;
/** All that left the gateway: log lines, and answers with their headers. */
const left: string[] = [];
let logged = 0;

beforeAll(async () => {
  logTo({
    write: (line) => {
      logged += 1;
      left.push(line);
    },
  });
  world = await openWorld({ env: { PURSER_LOG_LEVEL: 'debug', OPENAI_API_KEY: UPSTREAM_KEY } });
});
afterAll(async () => {
  await world.close();
  logTo(undefined);
});

async function ask(key: string, body: object): Promise<number> {
  const response = await world.post(body, { authorization: `Bearer ${key}` });
  left.push(JSON.stringify([...response.headers]), await response.text());
  return response.status;
}

it('keeps every key out of logs, errors, headers and metrics, whatever fails', async () => {
  const good = await world.createKey({ id: 'good', requestsPerMinute: 100 });
  const revoked = await world.createKey({ id: 'revoked' });
  await world.revokeKey('revoked');
  const unknown = `psk_0123456789abcdef_${'s'.repeat(32)}`;
  const echo = `Incorrect API key provided: ${UPSTREAM_KEY}. Yours is ${good}.`;

  for (const key of [unknown, revoked]) expect(await ask(key, hello(FREE))).toBe(401);
  // A client gets its own words back; the log does not get them.
  expect((await world.post(hello(good), { authorization: `Bearer ${good}` })).status).toBe(404);
  expect(await ask(good, { ...hello(FREE), max_tokens: good })).toBe(400);
  world.models.script({ outputTokens: 30, errorAfterTokens: 10, message: echo }, { model: PAID, times: 1 });
  expect(await ask(good, { ...hello(PAID), stream: true })).toBe(200);
  for (const status of [400, 401, 429, 500]) {
    for (const stream of [false, true]) {
      world.models.script({ status, message: echo, headers: { 'retry-after': '0' } }, { model: PAID, times: 1 });
      await ask(good, { ...hello('paid_only'), stream });
      await ask(good, { ...hello('code_generation'), stream });
    }
  }
  left.push(JSON.stringify(await world.ladders()));
  left.push(await (await fetch(`${world.gateway.url}/metrics`)).text());
  await eventually(() => expect(logged).toBeGreaterThan(10));

  const all = left.join('\n');
  // It was said, and the secret in it left out.
  expect(all).toContain('Incorrect API key provided: [redacted]. Yours is psk_');
  const secrets = { UPSTREAM_KEY, admin: world.adminKey, good, revoked, unknown };
  for (const [name, secret] of Object.entries(secrets)) {
    const at = all.indexOf(secret);
    expect({ name, found: at === -1 ? '' : all.slice(Math.max(0, at - 200), at + 80) }).toEqual({ name, found: '' });
  }
});
