import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { notifierChecks } from '@purser/plugin-sdk/testing';
import { WebhookConfig } from './config.js';
import { Receiver, notice, notifier, send } from './receiver.fixture.js';
import { signedHeaders } from './signature.js';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER = 'whsec_c2VjcmV0LW9mLWEtcm90YXRlZC1lbmRwb2ludA==';

/** By the Web Crypto API, as a receiver's library in a worker would: nothing of ours is used. */
async function isSigned(headers: Record<string, unknown>, body: string, secret: string): Promise<boolean> {
  const raw = Uint8Array.from(atob(secret.replace('whsec_', '')), (char) => char.charCodeAt(0));
  const key = await crypto.subtle.importKey('raw', raw, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
  const content = new TextEncoder().encode(
    `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`,
  );
  const checks = String(headers['webhook-signature'])
    .split(' ')
    .map(async (signature) => {
      const [version, encoded = ''] = signature.split(',');
      const mac = Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0));
      return version === 'v1' && (await crypto.subtle.verify('HMAC', key, mac, content));
    });
  return (await Promise.all(checks)).includes(true);
}

/** By another program altogether. */
function openssl(content: string, secret: string): Promise<string> {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64').toString('hex');
  return new Promise((resolve, reject) => {
    const args = ['dgst', '-sha256', '-mac', 'HMAC', '-macopt', `hexkey:${key}`, '-binary'];
    const child = execFile('openssl', args, { encoding: 'buffer' }, (error, stdout) =>
      error ? reject(new Error(error.message)) : resolve(stdout.toString('base64')),
    );
    child.stdin?.end(content);
  });
}

let receiver: Receiver;
beforeEach(async () => {
  receiver = await Receiver.open();
});
afterEach(() => receiver.close());
const config = () => ({ url: `${receiver.url}/purser?x=1`, secretEnv: 'HOOK_SECRET' });

describe('conformance', () => {
  const env = () => ({ HOOK_URL: `${receiver.url}/hidden-path-of-it`, HOOK_SECRET: SECRET });
  const hidden = { urlEnv: 'HOOK_URL', secretEnv: 'HOOK_SECRET' };
  const checks = notifierChecks({
    create: () => notifier(hidden, env()),
    unreachable: () => notifier(hidden, { ...env(), HOOK_URL: 'http://127.0.0.1:1/hidden-path-of-it' }),
    refused: () => {
      receiver.answers = [403, `not by ${SECRET} at ${env().HOOK_URL}, which is /hidden-path-of-it`];
      return notifier(hidden, env());
    },
    secrets: [SECRET, 'hidden-path-of-it'],
  });
  for (const { name, run } of checks) it(name, run);
});

it('signs as the reference of the Standard Webhooks does', () => {
  const headers = signedHeaders({
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    at: new Date(1_614_265_330_000),
    body: '{"test": 2432232314}',
    secrets: SECRET,
    secretName: 'S',
  });
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

it('sends what others can verify, with the bytes that they get', async () => {
  const began = Math.floor(Date.now() / 1_000);
  await send(config(), { title: 'ümlaut 😀' }, { HOOK_SECRET: SECRET });
  const { method, path, headers, body } = receiver.last;
  expect([method, path, headers['content-type']]).toEqual(['POST', '/purser?x=1', 'application/json']);
  expect(await isSigned(headers, body, SECRET)).toBe(true);
  expect(await isSigned(headers, body.replace('daily', 'diary'), SECRET)).toBe(false);
  expect(await isSigned({ ...headers, 'webhook-id': 'other' }, body, SECRET)).toBe(false);
  expect(await isSigned(headers, body, OTHER)).toBe(false);
  const content = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  expect(headers['webhook-signature']).toBe(`v1,${await openssl(content, SECRET)}`);
  expect(headers['webhook-id']).toBe('n-1');
  expect(Number(headers['webhook-timestamp'])).toBeGreaterThanOrEqual(began);
  expect(JSON.parse(body)).toEqual({
    type: 'alert.firing',
    timestamp: '2026-11-23T10:00:00.000Z',
    data: { ...notice({ title: 'ümlaut 😀' }), at: '2026-11-23T10:00:00.000Z' },
  });
});

it('signs with the old and the new secret while they are changed', async () => {
  await send(config(), {}, { HOOK_SECRET: `${OTHER}  ${SECRET}` });
  const { headers, body } = receiver.last;
  expect(await isSigned(headers, body, SECRET)).toBe(true);
  expect(await isSigned(headers, body, OTHER)).toBe(true);
});

it.each(['short', 'whsec_c2hvcnQ=', 'whsec_!!!', `whsec_${Buffer.alloc(65).toString('base64')}`])(
  'does not sign with %s, and does not repeat it',
  async (secret) => {
    const refused: unknown = await send(config(), {}, { HOOK_SECRET: secret }).catch((error: unknown) => error);
    expect((refused as Error).message).toMatch(/^HOOK_SECRET is not a signing secret.*openssl rand/);
    expect((refused as Error).message).not.toContain(secret);
    expect(receiver.requests).toEqual([]);
  },
);

it('follows no redirect, and says what a server answers without what is secret', async () => {
  const other = await Receiver.open();
  const env = { HOOK_SECRET: SECRET, HOOK_URL: `${receiver.url}/services/T0/B0/very-secret-path` };
  const hidden = { urlEnv: 'HOOK_URL', secretEnv: 'HOOK_SECRET' };
  receiver.answers = [302, '', { location: other.url }];
  await expect(send(hidden, {}, env)).rejects.toThrow('answered 302 (a redirect, which is not followed');
  expect(other.requests).toEqual([]);
  await other.close();
  receiver.answers = [404, `no hook at ${env.HOOK_URL} (/services/T0/B0/very-secret-path), ${SECRET}`];
  const refused: unknown = await send(hidden, {}, env).catch((error: unknown) => error);
  expect((refused as Error).message).toContain('answered 404 (there is no such webhook any more): no hook at [secret]');
  expect((refused as Error).message).not.toMatch(/very-secret-path|MfKQ9r8/);
  await expect(send(hidden, {}, { HOOK_SECRET: SECRET })).rejects.toThrow('HOOK_URL is not set');
});

it('does not show what is secret in a URL that stands in the file', async () => {
  const hook = `${receiver.url}/hooks/very-secret-path?token=very-secret-query`;
  receiver.answers = [404, `nothing at ${hook}, which is /hooks/very-secret-path with token=very-secret-query`];
  const given = { secretEnv: 'HOOK_SECRET', url: hook };
  const failure = async (more: object) => {
    const refused: unknown = await send({ ...given, ...more }, {}, { HOOK_SECRET: SECRET }).catch(
      (error: unknown) => error,
    );
    return (refused as Error).message;
  };
  expect(await failure({})).toMatch(/answered 404 .*: nothing at \[secret\], which is \[secret\] with \[secret\]$/);
  // Such a one is refused by fetch, with all of it in the error.
  const withPassword = hook.replace('http://', 'http://somebody:very-secret-word@');
  expect(await failure({ url: withPassword })).not.toContain('very-secret');
});

it('stays within what receivers take', async () => {
  const much = { living: Array.from({ length: 10_000 }, (_, n) => ({ name: `"container" ${n} \u0000` })) };
  await send(
    config(),
    { title: '\u0000'.repeat(50_000), text: '"'.repeat(1_000_000), details: much },
    { HOOK_SECRET: SECRET },
  );
  expect(Buffer.byteLength(receiver.last.body)).toBeLessThanOrEqual(256 * 1_024);
  const { data } = receiver.json<{ data: { details: { clipped: string } } }>();
  expect(data.details.clipped).toMatch(/^\{"living":\[\{"name":/);
});

it('says that nobody is there', async () => {
  const gone = { ...config(), url: 'http://127.0.0.1:1/x' };
  await expect(send(gone, {}, { HOOK_SECRET: SECRET })).rejects.toThrow(
    /http:\/\/127\.0\.0\.1:1 cannot be reached: .+/,
  );
});

it('wants each alert by itself', () => {
  expect(notifier(config())).toMatchObject({ single: true, reports: true });
});

it.each([
  [{}, 'url'],
  [{ url: 'https://x.example/' }, 'secretEnv'],
  [{ url: 'ftp://x.example/', secretEnv: 'S' }, 'url'],
  [{ url: 'https://x.example/', urlEnv: 'U', secretEnv: 'S' }, 'urlEnv'],
  [{ template: 'slack', url: 'https://x.example/', secretEnv: 'S' }, 'secretEnv'],
  [{ template: 'pagerduty' }, 'tokenEnv'],
  [{ template: 'teams', url: 'https://x.example/' }, 'template'],
])('refuses %j', (given, field) => {
  const parsed = WebhookConfig.safeParse(given);
  expect(parsed.error?.issues.map(({ path }) => path.join('.'))).toContain(field);
});

it('reads only the beginning of what a server says without end, and shows no part of a secret', async () => {
  const path = '/services/very-secret-path-of-the-hook';
  const server = createServer((_, response) => {
    response.writeHead(500);
    const flood = (text: string): void => {
      while (response.write(text)) text = 'x'.repeat(8192);
      response.once('drain', () => flood('x'));
    };
    flood(`${'-'.repeat(285)}${path}`);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const sent = send({ template: 'slack', urlEnv: 'HOOK_URL' }, {}, { HOOK_URL: `http://127.0.0.1:${port}${path}` });
    const refused = await sent.catch((error: unknown) => error);
    expect((refused as Error).message).toMatch(/answered 500: -{285}/);
    expect((refused as Error).message).not.toContain('/services');
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
