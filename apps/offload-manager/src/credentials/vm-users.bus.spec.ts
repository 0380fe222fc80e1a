import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { Database } from '@purser/database';
import { createTestDatabase, eventually, startTestNats, type TestDatabase, type TestNats } from '@purser/testing';
import { type Clock, systemClock } from '@purser/service';
import { Config } from '../config.js';
import { MIGRATIONS } from '../migrations/index.js';
import type { Movables } from '../moving/movables.js';
import { CredentialsRepository } from './credentials.repository.js';
import { NatsCredentials } from './nats-credentials.service.js';

let folder: string;
let guestsFile: string;
let nats: TestNats;
let test: TestDatabase;
let database: Database;
const open: NatsConnection[] = [];

const everything = { publish: ['>'], subscribe: ['>'] };
const components: Movables = {
  get: (name) =>
    name === 'nowhere' ? undefined : { name, command: [], env: {}, port: 9_000, healthPath: '/ready', diskGb: 1 },
  list: () => [],
  searched: () => true,
  whyItStays: () => undefined,
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-guests-'));
  guestsFile = join(folder, 'users.conf');
  nats = await startTestNats({
    authorization: { users: [{ user: 'one', password: 'p', permissions: everything }], guestsFile },
  });
  test = await createTestDatabase();
  database = await Database.open({ url: test.url, schema: 'offload', migrations: MIGRATIONS, applicationName: 'spec' });
});

afterEach(async () => {
  for (const connection of open.splice(0)) await connection.close();
});

afterAll(async () => {
  await database?.close();
  await test?.drop();
  await nats?.stop();
  await rm(folder, { recursive: true });
});

const credentials = (extra: Record<string, string | undefined> = {}, clock: Clock = systemClock) => {
  const env = {
    PURSER_NATS_URL: `nats://one:p@${new URL(nats.url).host}`,
    PURSER_DATABASE_URL: test.url,
    PURSER_PUBLIC_NATS_URL: `nats://${new URL(nats.url).host}`,
    PURSER_VM_NATS_USERS_FILE: guestsFile,
    ...extra,
  };
  const config = Config.parse(Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)));
  return new NatsCredentials(new CredentialsRepository(database), clock, config, components);
};

const inAnHour = () => new Date(Date.now() + 3_600_000);

async function as(url: string, inboxPrefix?: string): Promise<NatsConnection> {
  const { host, username: user, password: pass } = new URL(url);
  const connection = await connect({
    servers: host,
    user,
    pass,
    reconnect: false,
    ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
  });
  open.push(connection);
  return connection;
}

const refused = async (connection: NatsConnection, use: () => void): Promise<string | undefined> => {
  const said: string[] = [];
  void (async () => {
    for await (const status of connection.status()) if (status.type === 'error') said.push(status.error.message);
  })();
  use();
  await connection.flush();
  await new Promise((resolve) => setImmediate(resolve));
  return said[0];
};

describe('the users of the bus that VMs are', () => {
  it('are let in when they are issued, and may speak for their component and nothing else', async () => {
    const env = await credentials().issue('a1', 'embeddings', inAnHour());
    expect(env).toMatchObject({
      PURSER_VM_ID: 'a1',
      PURSER_VM_COMPONENT: 'embeddings',
      PURSER_VM_COMPONENT_URL: 'http://127.0.0.1:9000',
      PURSER_VM_HEALTH_PATH: '/ready',
    });
    const vm = await as(env.PURSER_NATS_URL ?? '', '_INBOX_vm.a1');
    for (const subject of ['vms.heartbeat.a1', '_INBOX_offload-manager.x', '_INBOX.x', '_INBOX_tools.x'])
      expect([subject, await refused(vm, () => vm.publish(subject, ''))]).toEqual([subject, undefined]);
    for (const subject of [
      'vms.heartbeat.a2',
      'vms.heartbeat',
      'vms.delete',
      'tasks.submit',
      'components.ask.embeddings',
      '_INBOX_cost-watchdog.x',
      '$JS.API.INFO',
    ])
      expect([subject, await refused(vm, () => vm.publish(subject, ''))]).toEqual([
        subject,
        expect.stringMatching(/permissions violation/i),
      ]);
    const hears = (subject: string, queue?: string) =>
      refused(vm, () => void vm.subscribe(subject, { ...(queue ? { queue } : {}), callback: () => undefined }));
    expect(await hears('components.ask.embeddings', 'component')).toBeUndefined();
    expect(await hears('_INBOX_vm.a1.x')).toBeUndefined();
    for (const [subject, queue] of [
      ['components.ask.other', 'component'],
      ['components.ask.embeddings', undefined],
      ['_INBOX_vm.a2.x', undefined],
      ['>', undefined],
    ] as const)
      expect([subject, await hears(subject, queue)]).toEqual([
        subject,
        expect.stringMatching(/permissions violation/i),
      ]);
  });

  it('may speak with the runner of their session, where they have one, and with nobody else', async () => {
    const env = await credentials().issue('s1', 'session.night-1', inAnHour());
    expect(env).toMatchObject({ PURSER_VM_ID: 's1', PURSER_VM_COMPONENT: 'session.night-1' });
    expect(env).not.toHaveProperty('PURSER_VM_COMPONENT_URL');
    const vm = await as(env.PURSER_NATS_URL ?? '', '_INBOX_vm.s1');
    for (const subject of ['vms.heartbeat.s1', 'session-vms.s1.up'])
      expect([subject, await refused(vm, () => vm.publish(subject, ''))]).toEqual([subject, undefined]);
    for (const subject of [
      'session-vms.s2.up',
      'session-vms.s1.down',
      '_INBOX_agent-runner.x',
      'vms.keep',
      'work.claim',
    ])
      expect([subject, await refused(vm, () => vm.publish(subject, ''))]).toEqual([
        subject,
        expect.stringContaining('Permissions Violation') as string,
      ]);
    const hears = (subject: string) => refused(vm, () => vm.subscribe(subject, { callback: () => undefined }));
    expect(await hears('session-vms.s1.down')).toBeUndefined();
    for (const subject of ['session-vms.s2.down', 'session-vms.>', 'components.ask.embeddings'])
      expect([subject, await hears(subject)]).toEqual([
        subject,
        expect.stringContaining('Permissions Violation') as string,
      ]);
    await credentials().revoke('s1');
  });

  it('come and go without disturbing anybody else, and are cut off when they are revoked', async () => {
    const service = await as(`nats://one:p@${new URL(nats.url).host}`);
    const disturbed: string[] = [];
    void (async () => {
      for await (const { type } of service.status()) disturbed.push(type);
    })();
    service.subscribe('question', { callback: (_, message) => void message.respond('answer') });
    const all = credentials();
    const first = await all.issue('b1', 'embeddings', inAnHour());
    const second = await all.issue('b2', 'embeddings', inAnHour());
    expect(await all.issue('b1', 'embeddings', inAnHour())).toMatchObject({ PURSER_NATS_URL: first.PURSER_NATS_URL });
    const [one, two] = [
      await as(first.PURSER_NATS_URL ?? '', '_INBOX_vm.b1'),
      await as(second.PURSER_NATS_URL ?? '', '_INBOX_vm.b2'),
    ];
    await all.revoke('b1');
    await one.closed();
    await expect(as(first.PURSER_NATS_URL ?? '')).rejects.toThrow(/authorization/i);
    expect(two.isClosed()).toBe(false);
    await two.flush();
    expect((await service.request('question', '', { timeout: 2_000 })).string()).toBe('answer');
    expect(disturbed).toEqual([]);
  });

  it('end with the lifetime of their VM', async () => {
    const all = credentials();
    const { PURSER_NATS_URL: url = '' } = await all.issue('c1', 'embeddings', new Date(Date.now() + 60_000));
    const later: Clock = { monotonic: () => 0, now: () => new Date(Date.now() + 61_000) };
    await credentials({}, later).issue('c2', 'embeddings', inAnHour());
    await eventually(() => expect(as(url)).rejects.toThrow(/authorization/i));
  });

  it('are refused with what is missing', async () => {
    await credentials().check();
    await expect(credentials({ PURSER_PUBLIC_NATS_URL: undefined }).check()).rejects.toThrow(/PURSER_PUBLIC_NATS_URL/);
    await expect(credentials({ PURSER_VM_NATS_USERS_FILE: undefined }).check()).rejects.toThrow(
      /PURSER_VM_NATS_USERS_FILE/,
    );
    await expect(credentials({ PURSER_VM_NATS_USERS_FILE: join(folder, 'none') }).check()).rejects.toThrow(/none/);
    await expect(credentials().issue('d1', 'nowhere', inAnHour())).rejects.toMatchObject({ code: 'not_found' });
  });
});
