import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, symlink, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { answerOf } from './engine.js';
import { Gate } from './gate.js';
import { OwnGate } from './own-gate.js';
import { GateSettings } from './settings.js';
import { FakeEngine } from './testing/fake-engine.js';

let folder: string;
let engine: FakeEngine;
let gate: Gate | undefined;

const environment = (changes: Record<string, string> = {}) => ({
  PURSER_GATE_ENGINE: join(folder, 'engine.sock'),
  PURSER_GATE_INSTALLATION: 'mine',
  PURSER_GATE_NETWORK: 'agents',
  PURSER_GATE_FOLDERS: join(folder, 'workspaces'),
  ...changes,
});
const open = async (changes: Record<string, string> = {}): Promise<void> => {
  const settings = GateSettings.parse({ ...environment(changes), PURSER_GATE_FOLDER: folder });
  gate = await Gate.start(settings, () => undefined);
  while (!engine.asked.some((one) => one.includes('/containers/json'))) await delay(5);
};
const ask = async (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown, socket = 'docker.sock') => {
  const { status, text } = await answerOf(join(folder, socket), {
    method,
    path,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status, text, body: (text === '' ? undefined : JSON.parse(text)) as Record<string, unknown> };
};
const container = (source = 'workspaces/task') => ({
  Image: 'image',
  Env: ['KEY=secret'],
  WorkingDir: '/purser/workspace',
  User: '1000:1000',
  Labels: { 'purser.session': 's', 'purser.task': 't', 'purser.epoch': '1' },
  HostConfig: {
    ...{ Memory: 64 * 2 ** 20, NanoCpus: 1e9, PidsLimit: 50, NetworkMode: 'agents' },
    Mounts: [{ Type: 'bind', Source: join(folder, source), Target: '/purser/workspace' }],
  },
});
const make = async (socket?: string): Promise<string> => {
  const made = await ask('POST', '/containers/create', container(), socket);
  expect(made.status).toBe(201);
  return String(made.body.Id);
};
const gone = async (id: string): Promise<void> => {
  while (engine.containers.has(id)) await delay(10);
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-gate-'));
  await mkdir(join(folder, 'workspaces', 'task'), { recursive: true });
  engine = await FakeEngine.start(join(folder, 'engine.sock'));
});

afterEach(async () => {
  await gate?.close();
  gate = undefined;
  await engine.stop();
  await rm(folder, { recursive: true });
});

it('tells what it grants, and makes the network, which leads nowhere', async () => {
  await open({ PURSER_GATE_CPUS: '1.5' });
  const { body } = await ask('GET', '/purser/about');
  expect(body).toEqual({
    network: { name: 'agents', subnet: '172.30.0.0/16', gateway: '172.30.0.1' },
    bridge: false,
    most: { memoryMb: 2048, cpus: 1.5, pids: 512 },
  });
  engine.network = { Internal: false };
  expect(await ask('GET', '/purser/about')).toMatchObject({
    status: 502,
    text: expect.stringContaining('is not internal') as string,
  });
});

it('makes, shows without secrets, and removes', async () => {
  await open();
  const id = await make();
  expect((await ask('POST', `/containers/${id}/start`)).status).toBe(204);
  const shown = (await ask('GET', `/containers/${id}/json`)).text + (await ask('GET', '/images/image/json')).text;
  expect(shown).toContain(id);
  expect(shown).toContain('image@sha256:11');
  expect(shown).not.toContain('secret');
  expect((await ask('DELETE', `/containers/${id}`)).status).toBe(204);
  expect(engine.containers.size).toBe(0);
});

it('touches nothing that is not of its installation', async () => {
  await open();
  const others = [engine.add({}), engine.add({ 'purser.managed': 'other' })];
  engine.asked.length = 0;
  for (const id of others)
    for (const [method, action] of [
      ['POST', '/start'],
      ['POST', '/kill'],
      ['GET', '/logs'],
      ['GET', '/json'],
      ['DELETE', ''],
    ] as const)
      expect((await ask(method, `/containers/${id}${action}`)).status).toBe(403);
  expect(engine.asked.filter((one) => !one.endsWith('/json'))).toEqual([]);
  expect([...engine.containers.keys()]).toEqual(others);
});

it('refuses what it does not understand without asking the engine', async () => {
  await open();
  engine.asked.length = 0;
  expect((await ask('POST', '/containers/create', { ...container(), Image: '' })).status).toBe(403);
  expect((await ask('POST', '/containers/create', [])).status).toBe(403);
  expect((await ask('GET', '/info')).status).toBe(403);
  expect(engine.asked).toEqual([]);
});

it('follows no link out of the folders that may be mounted', async () => {
  await open();
  await symlink('/etc', join(folder, 'workspaces', 'link'));
  expect((await ask('POST', '/containers/create', container('workspaces/link'))).status).toBe(403);
  expect((await ask('POST', '/containers/create', container('workspaces/absent'))).status).toBe(403);
});

it('makes no more than it may at once', async () => {
  await open({ PURSER_GATE_CONTAINERS: '1' });
  const id = await make();
  expect((await ask('POST', '/containers/create', container())).status).toBe(503);
  await ask('DELETE', `/containers/${id}`);
  await make();
});

it('removes a container when nobody says any more that it watches it', async () => {
  await open();
  const [watched, left] = [await make(), await make()];
  expect((await ask('POST', `/containers/${watched}/watch?for=60000`)).status).toBe(204);
  expect((await ask('POST', `/containers/${left}/watch?for=50`)).status).toBe(204);
  await gone(left);
  expect(engine.containers.has(watched)).toBe(true);
  expect((await ask('POST', `/containers/${left}/watch?for=50`)).status).toBe(410);
});

it('hears signs of life also while the engine is slow', async () => {
  await open();
  const id = await make();
  engine.before = () => new Promise(() => undefined);
  expect((await ask('POST', `/containers/${id}/watch?for=60000`)).status).toBe(204);
  engine.before = undefined;
});

it('knows no containers to be watched but those that it made', async () => {
  await open();
  const others: Record<string, string>[] = [{}, { 'purser.managed': 'mine', 'purser.gate': 'docker' }];
  for (const labels of others)
    expect((await ask('POST', `/containers/${engine.add(labels)}/watch?for=60000`)).status).toBe(404);
});

it('removes at its start what gates before it left, and nothing of those that live', async () => {
  await open({ PURSER_GATE_NAME: 'other' });
  const alive = await make('other.sock');
  const own = engine.add({ 'purser.managed': 'mine', 'purser.gate': 'docker' });
  engine.containers.get(own)!.created -= 10;
  const dead = engine.add({ 'purser.managed': 'mine', 'purser.gate': 'dead' });
  const foreign = engine.add({ 'purser.managed': 'other', 'purser.gate': 'dead' });
  const settings = GateSettings.parse({ ...environment(), PURSER_GATE_FOLDER: folder });
  const second = await Gate.start(settings, () => undefined);
  await Promise.all([gone(own), gone(dead)]);
  expect(engine.containers.has(alive)).toBe(true);
  await second.close();
  expect(engine.containers.has(alive)).toBe(true);
  expect(engine.containers.has(foreign)).toBe(true);
});

it('removes the sockets of dead gates', async () => {
  const leave = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  const elsewhere = 'at-00000000-other.sock';
  for (const name of ['dead.sock', 'starting.sock', elsewhere])
    await once(spawn(process.execPath, ['-e', leave, join(folder, name)]), 'exit');
  const longAgo = new Date(Date.now() - 600_000);
  for (const name of ['dead.sock', 'engine.sock', elsewhere]) await utimes(join(folder, name), longAgo, longAgo);
  await open();
  expect((await readdir(folder)).sort()).toEqual([
    elsewhere,
    'docker.sock',
    'engine.sock',
    'starting.sock',
    'workspaces',
  ]);
});

it('tells how things are while it removes what was left, and makes nothing before that is gone', async () => {
  const dead = engine.add({ 'purser.managed': 'mine', 'purser.gate': 'dead' });
  let slow = (): void => undefined;
  const removing = new Promise<void>((resolve) => (slow = resolve));
  let left: boolean | undefined;
  engine.before = (what) => {
    if (what.includes('/create')) left = engine.containers.has(dead);
    return what.startsWith('DELETE') ? removing : undefined;
  };
  await open();
  const making = make();
  expect((await ask('GET', '/images/image/json')).status).toBe(200);
  slow();
  const id = await making;
  expect([left, [...engine.containers.keys()]]).toEqual([false, [id]]);
});

it('makes containers beside one that has ended and cannot be removed', async () => {
  const stuck = engine.add({ 'purser.managed': 'mine', 'purser.gate': 'dead' });
  engine.exit(stuck, 0);
  engine.before = (what) => (what.startsWith('DELETE') ? 500 : undefined);
  await open();
  const id = await make();
  expect([...engine.containers.keys()]).toEqual([stuck, id]);
});

it('makes nothing for a session while it cannot tell what was left', async () => {
  let failures = 2;
  engine.before = (what) => (what.includes('/containers/json') && (failures -= 1) >= 0 ? 500 : undefined);
  await open();
  const own = engine.add({ 'purser.managed': 'mine', 'purser.gate': 'docker' });
  const id = await make();
  expect([...engine.containers.keys()]).toEqual([id]);
  expect(engine.containers.has(own)).toBe(false);
});

it('is a process of its own that removes its containers when its starter is gone', async () => {
  const own = await OwnGate.start({ folder: join(folder, 'gates'), environment: environment() }, () => undefined);
  const socket = own.socketPath.slice(folder.length + 1);
  const id = await make(socket);
  expect(engine.containers.has(id)).toBe(true);
  await own.close();
  expect(engine.containers.has(id)).toBe(false);
});

it('leaves a signal to its whole unit to its starter', async () => {
  const own = await OwnGate.start({ folder: join(folder, 'gates'), environment: environment() }, () => undefined);
  const socket = own.socketPath.slice(folder.length + 1);
  const id = await make(socket);
  process.kill(own.pid!, 'SIGTERM');
  for (let asked = 0; asked < 5; asked += 1)
    expect((await ask('POST', `/containers/${id}/watch?for=60000`, undefined, socket)).status).toBe(204);
  await own.close();
  expect(engine.containers.size).toBe(0);
});

it('says why it could not be started', async () => {
  const wrong = { ...environment(), PURSER_GATE_INSTALLATION: 'not a name' };
  await expect(OwnGate.start({ folder: join(folder, 'gates'), environment: wrong }, () => undefined)).rejects.toThrow(
    'PURSER_GATE_INSTALLATION is not valid',
  );
});
