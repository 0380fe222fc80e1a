import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { run } from '../program.js';
import { recordedTerminal } from '../testing/recorded-terminal.fixture.js';

const SECRET = 'psk_0123456789abcdef_abcdefghijklmnopqrstuvwxyzabcdef';

const gatewayKey = (more: object = {}) => ({
  id: 'web',
  prefix: 'psk_0123456789abcdef',
  name: 'the site',
  project: null,
  task: null,
  session: null,
  capabilities: null,
  models: null,
  requestsPerMinute: null,
  tokensPerMinute: null,
  createdAt: '2026-11-23T10:00:00Z',
  expiresAt: null,
  revokedAt: null,
  ...more,
});

const budget = (more: object = {}) => ({
  id: 'key-web',
  scope: { key: 'web' },
  period: 'month',
  timezone: 'UTC',
  limitUsd: '5.00',
  thresholds: { warning: 0.75, critical: 0.9, cutoff: 1 },
  onExhausted: 'block',
  level: 'ok',
  window: {
    id: '1',
    startsAt: '2026-11-01T00:00:00Z',
    endsAt: '2026-12-01T00:00:00Z',
    settledUsd: '1.25',
    leasedUsd: '0',
    presumedUsd: '0',
    remainingUsd: '3.75',
  },
  ...more,
});

let server: Server;
let seen: { what: string; body: unknown }[];
let budgets: object[];
let answers: Record<string, [status: number, body: unknown]>;

beforeAll(async () => {
  server = createServer((request, response) => {
    void answer(request).then(([status, body]) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(body));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  seen = [];
  budgets = [];
  answers = {
    'POST /v1/keys': [201, { key: gatewayKey(), secret: SECRET }],
    'GET /v1/keys': [200, { keys: [gatewayKey({ models: ['ollama/*'], requestsPerMinute: 60 })] }],
    'GET /v1/keys/web': [200, gatewayKey({ project: 'site' })],
    'POST /v1/keys/web': [200, gatewayKey({ tokensPerMinute: 5_000 })],
    'DELETE /v1/keys/web': [200, gatewayKey({ revokedAt: '2026-11-23T11:00:00Z' })],
    'PUT /v1/budgets/key-web': [200, budget()],
    'DELETE /v1/budgets/key-web': [200, { id: 'key-web', deleted: true }],
  };
});

async function answer(request: IncomingMessage): Promise<[number, unknown]> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const what = `${request.method} ${request.url}`;
  seen.push({ what, body: text === '' ? undefined : JSON.parse(text) });
  const [path = ''] = what.split('?');
  if (path === 'GET /v1/budgets') return [200, { revision: 1, taskBudgetsRevision: 0, budgets }];
  return answers[path] ?? [404, { error: { code: 'not_found', message: `nothing at ${what}`, details: {} } }];
}

async function purser(...argv: string[]) {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const terminal = recordedTerminal({ env: { PURSER_API_URL: url, PURSER_ADMIN_KEY: 'pk_test' } });
  const code = await run(argv, terminal);
  return { code, ...terminal.printed };
}

const steps = () => seen.map(({ what }) => what);
const sent = (what: string) => seen.find((one) => one.what === what)?.body;

it('still prints the admin key, also as JSON', async () => {
  expect(await purser('key')).toEqual({ code: 0, out: 'pk_test\n', err: '' });
  expect(JSON.parse((await purser('key', '--json')).out)).toEqual({ key: 'pk_test' });
  expect(seen).toEqual([]);
});

it('makes a key, and shows its secret on the first line', async () => {
  const { code, out } = await purser(
    ...['key', 'create', 'the site', '--id', 'web', '--project', 'site', '--capability', 'chat', '--model', 'openai/*'],
    ...['--model', 'ollama/*', '--requests-per-minute', '60', '--tokens-per-minute', '1000', '--expires', '30d'],
  );
  expect(code).toBe(0);
  expect(out.split('\n')[0]).toBe(SECRET);
  expect(seen).toEqual([
    {
      what: 'POST /v1/keys',
      body: {
        id: 'web',
        name: 'the site',
        project: 'site',
        capabilities: ['chat'],
        models: ['openai/*', 'ollama/*'],
        requestsPerMinute: 60,
        tokensPerMinute: 1_000,
        ttlMs: 30 * 86_400_000,
      },
    },
  ]);
});

it('makes its budget first, and takes it back when there comes no key', async () => {
  const create = ['key', 'create', 'x', '--id', 'web', '--budget', '5.00', '--on-exhausted', 'block'];
  expect((await purser(...create)).code).toBe(0);
  expect(steps()).toEqual(['GET /v1/budgets', 'PUT /v1/budgets/key-web', 'POST /v1/keys']);
  expect(sent('PUT /v1/budgets/key-web')).toMatchObject({
    scope: { key: 'web' },
    limitUsd: '5.00',
    period: 'month',
    onExhausted: 'block',
    by: 'ada',
  });
  seen = [];
  answers['POST /v1/keys'] = [409, { error: { code: 'conflict', message: 'there is another key', details: {} } }];
  expect(await purser(...create)).toEqual({ code: 1, out: '', err: 'there is another key\n' });
  expect(steps().at(-1)).toMatch(/^DELETE \/v1\/budgets\/key-web\?/);
});

it('overwrites no budget that is there, and makes no key then', async () => {
  budgets = [budget({ scope: {} })];
  const { code, err } = await purser('key', 'create', 'x', '--id', 'web', '--budget', '5');
  expect([code, err]).toEqual([1, expect.stringContaining('another --id')]);
  expect(steps()).toEqual(['GET /v1/budgets']);
});

it('makes an id that the key and its budget share', async () => {
  answers = { 'POST /v1/keys': [201, { key: gatewayKey(), secret: SECRET }] };
  await purser('key', 'create', 'x', '--budget', '5');
  expect(steps()[1]).toMatch(/^PUT \/v1\/budgets\/key-[0-9a-f]{16}$/);
});

it('lists and shows keys, what they may do, and their budgets', async () => {
  const list = await purser('key', 'list', '--sessions');
  expect(list.out).toMatch(/web +psk_0123456789abcdef +the site +- +ollama\/\* +60 requests +- +good/);
  expect(steps()).toEqual(['GET /v1/keys?sessions=true']);
  budgets = [budget(), budget({ id: 'other', scope: {} })];
  const { out } = await purser('key', 'show', 'web');
  expect(out).toMatch(/begins with +psk_0123456789abcdef_\n/);
  expect(out).toMatch(/key-web +key web +month +\$5\.00 +\$1\.25/);
  expect(out).not.toContain('other');
  const json = JSON.parse((await purser('key', 'show', 'web', '--json')).out) as { budgets: unknown[] };
  expect(json).toMatchObject({ key: { id: 'web' }, budgets: [{ id: 'key-web' }] });
});

it('says how important the calls of a key are', async () => {
  answers['POST /v1/keys'] = [201, { key: gatewayKey({ priority: 8 }), secret: SECRET }];
  const { out } = await purser('key', 'create', 'x', '--id', 'web', '--priority', '8');
  expect(sent('POST /v1/keys')).toEqual({ id: 'web', name: 'x', priority: 8 });
  expect(out).toMatch(/PRIORITY/);
  expect(out).toMatch(/web .* anything +8 +-/);
  answers['POST /v1/keys/web'] = [200, gatewayKey({ priority: 3 })];
  await purser('key', 'update', 'web', '--priority', '3');
  expect(sent('POST /v1/keys/web')).toEqual({ priority: 3 });
  answers['GET /v1/keys/web'] = [200, gatewayKey({ priority: 3 })];
  expect((await purser('key', 'show', 'web')).out).toMatch(/priority +3\n/);
});

it('changes what is given, and takes restrictions away', async () => {
  budgets = [budget()];
  const { code, err } = await purser(
    ...['key', 'update', 'web', '--name', 'n', '--tokens-per-minute', '5000', '--requests-per-minute', 'none'],
    ...['--model', 'any', '--expires', 'never', '--project', 'none', '--budget', '8'],
  );
  expect([code, err]).toEqual([0, '']);
  expect(sent('POST /v1/keys/web')).toEqual({
    name: 'n',
    tokensPerMinute: 5_000,
    requestsPerMinute: null,
    models: null,
    expiresAt: null,
    project: null,
  });
  expect(sent('PUT /v1/budgets/key-web')).toMatchObject({ limitUsd: '8', period: 'month', onExhausted: 'block' });
});

it('revokes a key', async () => {
  expect((await purser('key', 'revoke', 'web')).out).toMatch(/web .* revoked\n/);
  expect(steps()).toEqual(['DELETE /v1/keys/web']);
  expect(await purser('key', 'revoke', 'nobody')).toMatchObject({ code: 1, out: '' });
});
