import { createHash } from 'node:crypto';
import { CreateKeys1700000002000 } from '../migrations/create-keys.js';
import { Database } from '@purser/database';
import { newKeySecret } from '@purser/service';
import { createTestDatabase, eventually } from '@purser/testing';
import { MIGRATIONS } from '../migrations/index.js';
import { openKeyRing, type Instance, type KeyRing } from './key-ring.fixture.js';

jest.setTimeout(60_000);
let ring: KeyRing;
let one: Instance;

beforeAll(async () => {
  ring = await openKeyRing();
  one = await ring.instance();
});
afterAll(() => ring.close());

const bearer = (secret: string | null) => ({ authorization: `Bearer ${secret}` });
const identify = async ({ authenticator }: Instance, secret: string | null) => authenticator.identify(bearer(secret));
const REFUSED = { code: 'unauthorized' };

it('shows a secret once and keeps a salted hash and what may be shown of it', async () => {
  const { key, secret } = await one.keys.create({ name: 'web', project: 'shop' });
  expect(secret).toMatch(/^psk_[0-9a-f]{16}_[\w-]{32}$/);
  expect(secret).toContain(`${key.prefix}_`);
  expect(key).toMatchObject({ name: 'web', project: 'shop', task: null, revokedAt: null, expiresAt: null });
  const row = JSON.stringify(
    await ring.database.query('SELECT * FROM keys WHERE id = $1', [key.id]),
    (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
  );
  for (const encoding of ['hex', 'base64', 'base64url'] as const)
    expect(row).not.toContain(
      createHash('sha256')
        .update(secret ?? '')
        .digest(encoding),
    );
  expect(row).not.toContain(secret?.split('_')[2]);
  expect(await identify(one, secret)).toEqual({ key: key.id, project: 'shop', task: null, session: null });
  expect(await one.keys.get(key.id)).toEqual(key);
});

it('knows how important its calls are, also after that was changed', async () => {
  const { key, secret } = await one.keys.create({ name: 'nightly', priority: 8 });
  expect(key.priority).toBe(8);
  expect(await identify(one, secret)).toMatchObject({ key: key.id, priority: 8 });
  expect(await one.keys.update(key.id, { priority: 0 })).toMatchObject({ priority: 0 });
  expect(await identify(one, secret)).toMatchObject({ key: key.id, priority: 0 });
  expect((await one.keys.create({ name: 'plain' })).key.priority).toBe(5);
});

it('tells another service enough of the key of a session to know its secret again, and nothing of other keys', async () => {
  const { secret, proof } = newKeySecret();
  const of = { id: 'checked', name: 's', task: 't', session: 'checked', ancestors: ['parent'], proof };
  await one.keys.create({ ...of, ttlMs: 60_000 });
  const { key, expiresInMs, proof: kept } = await one.keys.check(proof.prefix);
  expect([key, kept]).toEqual([expect.objectContaining({ task: 't', ancestors: ['parent'] }), proof]);
  expect(expiresInMs).toBeGreaterThan(50_000);
  expect(await identify(one, secret)).toMatchObject({ key: 'checked', ancestors: ['parent'] });
  const nothing = { key: null, proof: null, expiresInMs: null };
  const person = await one.keys.create({ name: 'ada', task: 't' });
  expect(await one.keys.check(person.key.prefix)).toEqual(nothing);
  expect(await one.keys.check('psk_0000000000000000')).toEqual(nothing);
  await one.keys.revoke('checked');
  expect(await one.keys.check(proof.prefix)).toEqual(nothing);
});

it('takes no secret that only begins like a key', async () => {
  const { key } = await one.keys.create({ name: 'web' });
  await expect(identify(one, `${key.prefix}_${'A'.repeat(32)}`)).rejects.toMatchObject(REFUSED);
});

it('makes the same key for the same request, and refuses another under its id or with its prefix', async () => {
  const { secret, proof } = newKeySecret();
  const request = { id: 'session-1', name: 's', session: 'session-1', proof };
  const first = await one.keys.create(request);
  expect(first.secret).toBeNull();
  expect(await one.keys.create(request)).toEqual(first);
  expect(await identify(one, secret)).toMatchObject({ key: 'session-1', session: 'session-1' });
  const conflict = { code: 'conflict' };
  await expect(one.keys.create({ ...request, proof: newKeySecret().proof })).rejects.toMatchObject(conflict);
  await expect(one.keys.create({ ...request, id: 'session-2' })).rejects.toMatchObject(conflict);
  await expect(one.keys.create({ id: 'admin', name: 'x' })).rejects.toMatchObject(conflict);
});

it('renews keys of sessions that expire, but neither revoked nor unknown ones', async () => {
  const soon = new Date(Date.now() + 1_000).toISOString();
  const later = new Date(Date.now() + 60_000).toISOString();
  const { keys } = one;
  await keys.create({ id: 'expires', name: 'x', session: 's', expiresAt: soon });
  await keys.create({ id: 'endless', name: 'x', session: 's' });
  await keys.create({ id: 'revoked', name: 'x', session: 's', expiresAt: soon });
  const revoked = await keys.revoke('revoked');
  expect((await keys.revoke('revoked')).revokedAt).toBe(revoked.revokedAt);
  expect(await keys.renew(['expires', 'endless', 'revoked', 'unknown'], { expiresAt: later })).toEqual({
    renewed: ['expires'],
  });
  expect((await keys.get('expires')).expiresAt).toBe(later);
  expect(await keys.renew([], { expiresAt: later })).toEqual({ renewed: [] });
  await expect(keys.revoke('unknown')).rejects.toMatchObject({ code: 'not_found' });
  await expect(keys.get('unknown')).rejects.toMatchObject({ code: 'not_found' });
});

it('neither extends nor revives a key of a person', async () => {
  const { keys } = one;
  const ends = {
    lives: new Date(Date.now() + 60_000).toISOString(),
    over: new Date(Date.now() - 60_000).toISOString(),
  };
  for (const [id, expiresAt] of Object.entries(ends)) await keys.create({ id, name: 'x', expiresAt });
  expect(await keys.renew(Object.keys(ends), { ttlMs: 3_600_000 })).toEqual({ renewed: [] });
  for (const [id, expiresAt] of Object.entries(ends)) expect((await keys.get(id)).expiresAt).toBe(expiresAt);
});

it('ends and renews keys after a time by the clock of Postgres', async () => {
  const now = async () =>
    (await ring.database.query<{ now: Date }>('SELECT clock_timestamp() AS now'))[0]!.now.getTime();
  const inMs = async () => Date.parse((await one.keys.get('ttl')).expiresAt ?? '') - (await now());
  await one.keys.create({ id: 'ttl', name: 'x', session: 's', ttlMs: 10_000 });
  expect(await inMs()).toBeGreaterThan(5_000);
  expect(await inMs()).toBeLessThanOrEqual(10_000);
  expect(await one.keys.renew(['ttl'], { ttlMs: 60_000 })).toEqual({ renewed: ['ttl'] });
  expect(await inMs()).toBeGreaterThan(50_000);
  expect(JSON.stringify(await one.keys.list(true))).not.toContain('expiresInMs');
});

it.each([
  ['an hour ahead', 3_600_000],
  ['an hour behind', -3_600_000],
])('takes a key until its time is over when the clock of the gateway is %s', async (_what, wallOffMs) => {
  const skewed = await ring.instance({ wallOffMs });
  const { key, secret } = await skewed.keys.create({ name: 'x', session: 's', ttlMs: 10_000 });
  expect(await identify(skewed, secret)).toMatchObject({ key: key.id, session: 's' });
  await skewed.keys.renew([key.id], { ttlMs: 1 });
  skewed.clock.forward(10_001);
  await eventually(async () =>
    expect(Date.parse((await skewed.keys.get(key.id)).expiresAt ?? '')).toBeLessThan(Date.now()),
  );
  await expect(identify(skewed, secret)).rejects.toMatchObject(REFUSED);
  await skewed.keys.renew([key.id], { ttlMs: 10_000 });
  expect(await identify(skewed, secret)).toMatchObject({ key: key.id });
});

it('changes what is given, leaves the rest, and no revoked key', async () => {
  const { key, secret } = await one.keys.create({
    name: 'x',
    project: 'p',
    models: ['openai/*'],
    requestsPerMinute: 5,
  });
  expect(await identify(one, secret)).toMatchObject({
    project: 'p',
    rules: { models: ['openai/*'], requestsPerMinute: 5 },
  });
  const expiresAt = '2100-01-01T00:00:00.000Z';
  const changed = await one.keys.update(key.id, {
    name: 'y',
    models: null,
    capabilities: ['chat'],
    tokensPerMinute: 7,
    expiresAt,
  });
  expect(changed).toEqual({ ...key, name: 'y', models: null, capabilities: ['chat'], tokensPerMinute: 7, expiresAt });
  expect(await one.keys.update(key.id, { expiresAt: null })).toEqual({ ...changed, expiresAt: null });
  expect(await identify(one, secret)).toMatchObject({
    rules: { models: null, capabilities: ['chat'], tokensPerMinute: 7 },
  });
  await one.keys.revoke(key.id);
  await expect(one.keys.update(key.id, { name: 'z' })).rejects.toMatchObject({ code: 'conflict' });
  await expect(one.keys.update('unknown', { name: 'z' })).rejects.toMatchObject({ code: 'not_found' });
});

describe('a key that is revoked or changed', () => {
  it('stops on every gateway as soon as the broadcast is there, though no time has passed', async () => {
    const other = await ring.instance();
    const { key, secret } = await one.keys.create({ name: 'x' });
    for (const instance of [one, other]) expect(await identify(instance, secret)).toMatchObject({ key: key.id });
    await one.keys.revoke(key.id);
    await expect(identify(one, secret)).rejects.toMatchObject(REFUSED);
    await eventually(() => expect(identify(other, secret)).rejects.toMatchObject(REFUSED));
  });

  it('stops within a second where the broadcast is lost, also while it is in use all the time', async () => {
    const deaf = await ring.instance({ deaf: true });
    const { key, secret } = await one.keys.create({ name: 'x' });
    expect(await identify(deaf, secret)).toMatchObject({ key: key.id });
    await one.keys.revoke(key.id);
    // Nothing has told it.
    expect(await identify(deaf, secret)).toMatchObject({ key: key.id });
    deaf.clock.forward(1_000);
    await expect(identify(deaf, secret)).rejects.toMatchObject(REFUSED);
  });

  it('is seen by a gateway that hears nothing before anybody has to wait for it', async () => {
    const deaf = await ring.instance({ deaf: true });
    const { secret } = await one.keys.create({ name: 'x', project: 'old' });
    const key = await identify(deaf, secret);
    await one.keys.update(key.key, { project: 'new' });
    deaf.clock.forward(500);
    expect(deaf.authenticator.identify(bearer(secret))).toBe(key);
    await eventually(async () => expect(await identify(deaf, secret)).toMatchObject({ project: 'new' }));
  });

  it('is not brought back by an answer that was on its way', async () => {
    const slow = await ring.instance();
    const { key, secret } = await one.keys.create({ name: 'x' });
    const letGo = slow.wire.holdAnswers();
    const asked = identify(slow, secret).catch((error: unknown) => error);
    await eventually(() => expect(slow.wire.statements).toHaveLength(1));
    const since = slow.clock.monotonic();
    await one.keys.revoke(key.id);
    await eventually(() => expect(slow.changes.changedSince(key.id, since)).toBe(true));
    letGo();
    expect(await asked).toMatchObject(REFUSED);
    await expect(identify(slow, secret)).rejects.toMatchObject(REFUSED);
  });

  it('is not brought back by a long silence', async () => {
    const deaf = await ring.instance({ deaf: true });
    const { key, secret } = await one.keys.create({ name: 'x' });
    await identify(deaf, secret);
    await one.keys.revoke(key.id);
    deaf.clock.forward(3_600_000);
    await expect(identify(deaf, secret)).rejects.toMatchObject(REFUSED);
  });
});

describe('a key that is in use', () => {
  it('is read once for a rush of calls, and then answered at once', async () => {
    const busy = await ring.instance();
    const { secret } = await one.keys.create({ name: 'x' });
    const rush = await Promise.all(Array.from({ length: 50 }, () => identify(busy, secret)));
    expect(new Set(rush).size).toBe(1);
    expect(busy.wire.statements).toHaveLength(1);
    expect(busy.authenticator.identify(bearer(secret))).toBe(rush[0]);
  });

  it('makes no call wait, since changes are asked for ahead of time', async () => {
    const busy = await ring.instance({ deaf: true });
    const { secret } = await one.keys.create({ name: 'x' });
    const caller = await identify(busy, secret);
    for (let looks = 2; looks < 8; looks++) {
      busy.clock.forward(600);
      expect(busy.authenticator.identify(bearer(secret))).toBe(caller);
      await eventually(() => expect(busy.wire.statements).toHaveLength(looks));
    }
  });

  it('costs the database one look, with however many others', async () => {
    const busy = await ring.instance({ deaf: true });
    const made = await Promise.all(Array.from({ length: 200 }, () => one.keys.create({ name: 'x' })));
    for (const { secret } of made) await identify(busy, secret);
    const before = busy.wire.statements.length;
    busy.clock.forward(1_000);
    for (const { secret, key } of made) expect(await identify(busy, secret)).toMatchObject({ key: key.id });
    expect(busy.wire.statements.length - before).toBe(1);
  });

  it('is not asked for again at once when it is no good', async () => {
    const busy = await ring.instance();
    const { secret } = newKeySecret();
    for (let times = 0; times < 20; times++) await expect(identify(busy, secret)).rejects.toMatchObject(REFUSED);
    expect(busy.wire.statements).toHaveLength(1);
  });
});

it('is refused, not believed, when the database cannot be asked, and taken again when it can', async () => {
  const cut = await ring.instance();
  const { key, secret } = await one.keys.create({ name: 'x' });
  await identify(cut, secret);
  cut.wire.cutDatabase(true);
  expect(await identify(cut, secret)).toMatchObject({ key: key.id });
  cut.clock.forward(1_000);
  await expect(identify(cut, secret)).rejects.toMatchObject({ code: 'unavailable' });
  cut.wire.cutDatabase(false);
  expect(await identify(cut, secret)).toMatchObject({ key: key.id });
});

it('lists keys without hashes, those of sessions only when asked', async () => {
  const without = (await one.keys.list(false)).keys;
  const all = (await one.keys.list(true)).keys;
  expect(without.map(({ id }) => id)).toContain('lives');
  expect(without.map(({ id }) => id)).not.toContain('session-1');
  expect(all.map(({ id }) => id)).toContain('session-1');
  expect(JSON.stringify(all)).not.toMatch(/salt|hash|proof/);
});

it('removes keys of sessions that ended long ago, and no others', async () => {
  const past = new Date(Date.now() - 8 * 24 * 3_600_000).toISOString();
  await one.keys.create({ id: 'old-session', name: 'x', session: 's', expiresAt: past });
  await one.keys.create({ id: 'old-key', name: 'x', expiresAt: past });
  await one.repository.removeOldSessionKeys();
  expect(await one.repository.byId('old-session')).toBeUndefined();
  expect(await one.repository.byId('old-key')).toBeDefined();
});

it('keeps keys from before salted hashes good, and none of their hashes', async () => {
  const file = await createTestDatabase();
  const options = { url: file.url, schema: 'gateway', applicationName: 'spec' };
  const secret = `psk_${'a'.repeat(32)}`;
  const sha256 = createHash('sha256').update(secret).digest('hex');
  const old = await Database.open({ ...options, migrations: [CreateKeys1700000002000] });
  await old.query('INSERT INTO keys (id, name, sha256) VALUES ($1, $1, $2)', ['old', sha256]);
  await old.close();
  const database = await Database.open({ ...options, migrations: MIGRATIONS });
  const instance = await ring.instance({ database });
  expect(await identify(instance, secret)).toMatchObject({ key: 'old' });
  await expect(identify(instance, `${secret}b`)).rejects.toMatchObject(REFUSED);
  const [row] = await database.query<Record<string, unknown>>('SELECT * FROM keys');
  expect(
    Object.values(row ?? {})
      .map(String)
      .join(' '),
  ).not.toContain(sha256);
  await database.close();
  await file.drop();
});
