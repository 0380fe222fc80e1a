import { Database } from '@purser/database';
import { createTestDatabase, eventually, type TestDatabase } from '@purser/testing';
import type { Config } from '../config.js';
import { MIGRATIONS } from '../migrations/index.js';
import { Authenticator } from './authenticator.js';
import { KeysRepository } from './keys.repository.js';
import { KeysService, sha256Of } from './keys.service.js';

let file: TestDatabase;
let database: Database;
let keys: KeysService;
let repository: KeysRepository;

beforeAll(async () => {
  file = await createTestDatabase();
  database = await Database.open({ url: file.url, schema: 'gateway', migrations: MIGRATIONS, applicationName: 'spec' });
  repository = new KeysRepository(database);
  keys = new KeysService(repository);
});
afterAll(async () => {
  await database.close();
  await file.drop();
});

it('shows a secret once and keeps its hash alone', async () => {
  const { key, secret } = await keys.create({ name: 'web', project: 'shop' });
  expect(secret).toMatch(/^psk_[\w-]{32}$/);
  expect(key).toMatchObject({ name: 'web', project: 'shop', task: null, revokedAt: null, expiresAt: null });
  const rows = await database.query('SELECT * FROM keys WHERE id = $1', [key.id]);
  expect(JSON.stringify(rows)).not.toContain(secret);
  expect(await repository.bySha256(sha256Of(secret ?? ''))).toMatchObject({ id: key.id });
});

it('makes the same key for the same request, and refuses another under its id or with its secret', async () => {
  const request = { id: 'session-1', name: 's', session: 'session-1', sha256: sha256Of('mine') };
  const first = await keys.create(request);
  expect(first.secret).toBeNull();
  expect(await keys.create(request)).toEqual(first);
  await expect(keys.create({ ...request, sha256: sha256Of('other') })).rejects.toMatchObject({ code: 'conflict' });
  await expect(keys.create({ ...request, id: 'session-2' })).rejects.toMatchObject({ code: 'conflict' });
  await expect(keys.create({ id: 'admin', name: 'x' })).rejects.toMatchObject({ code: 'conflict' });
});

it('renews keys that expire, but neither revoked nor unknown ones', async () => {
  const soon = new Date(Date.now() + 1_000).toISOString();
  const later = new Date(Date.now() + 60_000).toISOString();
  await keys.create({ id: 'expires', name: 'x', expiresAt: soon });
  await keys.create({ id: 'forever', name: 'x' });
  await keys.create({ id: 'revoked', name: 'x', expiresAt: soon });
  const revoked = await keys.revoke('revoked');
  expect((await keys.revoke('revoked')).revokedAt).toBe(revoked.revokedAt);
  expect(await keys.renew(['expires', 'forever', 'revoked', 'unknown'], { expiresAt: later })).toEqual({
    renewed: ['expires'],
  });
  expect((await repository.byId('expires'))?.expiresAt).toBe(later);
  expect(await keys.renew([], { expiresAt: later })).toEqual({ renewed: [] });
  await expect(keys.revoke('unknown')).rejects.toMatchObject({ code: 'not_found' });
});

it('ends and renews keys after a time by the clock of Postgres', async () => {
  const inMs = async () => Date.parse((await repository.byId('ttl'))?.expiresAt ?? '') - (await now());
  const now = async () => (await database.query<{ now: Date }>('SELECT clock_timestamp() AS now'))[0]!.now.getTime();
  await keys.create({ id: 'ttl', name: 'x', ttlMs: 10_000 });
  expect(await inMs()).toBeGreaterThan(5_000);
  expect(await inMs()).toBeLessThanOrEqual(10_000);
  expect(await keys.renew(['ttl'], { ttlMs: 60_000 })).toEqual({ renewed: ['ttl'] });
  expect(await inMs()).toBeGreaterThan(50_000);
  expect(JSON.stringify(await keys.list(true))).not.toContain('expiresInMs');
});

it.each([
  ['an hour ahead', 3_600_000],
  ['an hour behind', -3_600_000],
])('takes a key until its time is over when the clock of the gateway is %s', async (_what, offMs) => {
  let monotonic = 1_000;
  const clock = { now: () => new Date(Date.now() + offMs), monotonic: () => monotonic };
  const authenticator = new Authenticator(repository, clock, {} as Config);
  const { key, secret } = await keys.create({ name: 'x', session: 's', ttlMs: 10_000 });
  const headers = { authorization: `Bearer ${secret}` };
  expect(await authenticator.identify(headers)).toMatchObject({ key: key.id, session: 's' });
  await keys.renew([key.id], { ttlMs: 1 });
  await eventually(async () => expect((await repository.byId(key.id))?.expiresInMs).toBeLessThan(0));
  monotonic += 10_001;
  await expect(authenticator.identify(headers)).rejects.toMatchObject({ code: 'unauthorized' });
  await keys.renew([key.id], { ttlMs: 10_000 });
  expect(await authenticator.identify(headers)).toMatchObject({ key: key.id });
});

it('lists keys without hashes, those of sessions only when asked', async () => {
  const without = (await keys.list(false)).keys;
  const all = (await keys.list(true)).keys;
  expect(without.map(({ id }) => id)).toContain('forever');
  expect(without.map(({ id }) => id)).not.toContain('session-1');
  expect(all.map(({ id }) => id)).toContain('session-1');
  expect(JSON.stringify(all)).not.toContain('sha256');
});

it('removes keys of sessions that ended long ago, and no others', async () => {
  const past = new Date(Date.now() - 8 * 24 * 3_600_000).toISOString();
  await keys.create({ id: 'old-session', name: 'x', session: 's', expiresAt: past });
  await keys.create({ id: 'old-key', name: 'x', expiresAt: past });
  await repository.removeOldSessionKeys();
  expect(await repository.byId('old-session')).toBeUndefined();
  expect(await repository.byId('old-key')).toBeDefined();
});
