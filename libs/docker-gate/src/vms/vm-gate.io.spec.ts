import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { answerOf } from '../engine.js';
import { FakeEngine } from '../testing/fake-engine.js';
import { agentAsked, componentAsked } from './vm-asked.fixture.js';
import { VmGate } from './vm-gate.js';
import { VmGateSettings } from './vm-settings.js';

let folder: string;
let engine: FakeEngine;
let gate: VmGate | undefined;
let said: string[];

const open = async (changes: Record<string, string> = {}): Promise<void> => {
  const settings = VmGateSettings.parse({
    PURSER_GATE_ENGINE: join(folder, 'engine.sock'),
    PURSER_GATE_SOCKET: join(folder, 'gate.sock'),
    PURSER_GATE_INSTALLATION: 'mine',
    PURSER_GATE_NETWORK: 'mine_vms',
    ...changes,
  });
  gate = await VmGate.start(settings, (line) => said.push(line));
};
const ask = async (method: 'GET' | 'POST' | 'DELETE', path: string, body?: unknown) => {
  const { status, text } = await answerOf(join(folder, 'gate.sock'), {
    method,
    path,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status, text, body: (text === '' ? undefined : JSON.parse(text)) as Record<string, unknown> };
};
const create = (asked: { name: string }) => ask('POST', `/containers/create?name=${asked.name}`, asked);
const made = async (asked: { name: string }): Promise<string> => {
  const { status, body } = await create(asked);
  expect(status).toBe(201);
  return String(body.Id);
};
const vmLabels = (vm: string, ends: string, gateOf = 'mine') => ({
  'purser.managed': 'true',
  'purser.vm-gate': gateOf,
  'purser.vm-name': vm,
  'purser.part': 'component',
  'purser.vm-ends': ends,
});
const aVm = (vm: string, ends: string, gateOf?: string) => engine.add(vmLabels(vm, ends, gateOf), {}, vm);
const listed = async (label: string) => {
  const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
  const { text } = await ask('GET', `/containers/json?all=true&filters=${filters}`);
  return (JSON.parse(text) as { Id: string }[]).map(({ Id }) => Id);
};

beforeEach(async () => {
  said = [];
  folder = await mkdtemp(join(tmpdir(), 'purser-vm-gate-'));
  engine = await FakeEngine.start(join(folder, 'engine.sock'));
});

afterEach(async () => {
  await gate?.close();
  gate = undefined;
  await engine.stop();
  await rm(folder, { recursive: true });
});

it('makes both containers of a VM, shows them without secrets, and removes them', async () => {
  await open();
  const agent = await made(agentAsked());
  const component = await made(componentAsked(agent));
  for (const id of [agent, component]) expect((await ask('POST', `/containers/${id}/start`)).status).toBe(204);
  expect(await listed('purser.managed=true')).toEqual([agent, component]);
  const shown = await ask('GET', '/containers/purser-0a1b2c3d-1-agent/json');
  expect(shown.text).not.toContain('secret');
  expect(shown.body).toMatchObject({ Id: agent, Config: { Labels: { 'purser.vm-name': 'purser-0a1b2c3d-1' } } });
  for (const id of [agent, component]) expect((await ask('DELETE', `/containers/${id}`)).status).toBe(204);
  expect(engine.containers.size).toBe(0);
});

it('leaves VMs to themselves when it ends, and knows them when it is begun anew', async () => {
  await open();
  const agent = await made(agentAsked());
  await gate?.close();
  expect(engine.containers.has(agent)).toBe(true);
  await open();
  expect(await listed('purser.managed=true')).toEqual([agent]);
  await made(componentAsked(agent));
});

it('lets a component join nothing but the agent of its own VM', async () => {
  await open();
  const other = agentAsked();
  other.Labels['purser.vm-name'] = 'purser-0a1b2c3d-other';
  const others = [
    await made({ ...other, name: 'purser-0a1b2c3d-other-agent' }),
    engine.add({ 'purser.part': 'agent', 'purser.vm-name': 'purser-0a1b2c3d-1' }),
    'f'.repeat(64),
  ];
  for (const id of others) expect((await create(componentAsked(id))).status).toBe(403);
});

it('touches no container but VMs of its own, and tells of another one only that it has the name', async () => {
  await open();
  const other = engine.add({ 'purser.vm-gate': 'other', 'purser.component': 'x' }, {}, 'purser-0a1b2c3d-1');
  const ofProject = { 'com.docker.compose.project': 'mine', 'purser.component': 'nats' };
  const protectedOne = engine.add({ ...ofProject, 'purser.protect': 'true' });
  for (const id of [other, protectedOne, engine.add({})])
    for (const [method, action] of [
      ['POST', '/start'],
      ['POST', '/stop'],
      ['GET', '/stats'],
      ['DELETE', ''],
    ] as const)
      expect((await ask(method, `/containers/${id}${action}`)).status).toBe(403);
  expect((await ask('GET', `/containers/${protectedOne}/json`)).status).toBe(403);
  expect((await ask('GET', '/containers/purser-0a1b2c3d-1/json')).body).toMatchObject({ Config: { Labels: {} } });
  expect((await create(componentAsked(await made(agentAsked())))).status).toBe(409);
  expect(engine.asked.filter((one) => /stop|start|stats|DELETE/.test(one))).toEqual([]);
});

it('starts and stops what the operator labelled as a component, and does nothing else to it', async () => {
  await open();
  const project = { 'com.docker.compose.project': 'mine' };
  const id = engine.add({ ...project, 'purser.component': 'embedder', secret: 'x' }, {}, 'embedder');
  expect((await ask('POST', '/containers/embedder/stop?t=1')).status).toBe(204);
  expect((await ask('POST', '/containers/embedder/start')).status).toBe(204);
  expect((await ask('GET', `/containers/${id}/stats?stream=false`)).status).toBe(200);
  const named = engine.add({ 'purser.component': 'ocr', 'purser.component.installation': 'mine' }, {}, 'ocr');
  expect((await ask('POST', '/containers/ocr/stop')).status).toBe(204);
  const others = [
    engine.add({ ...project, 'purser.component': 'x', 'purser.component.installation': 'other' }),
    engine.add({ 'purser.component': 'x', 'com.docker.compose.project': 'other' }),
    engine.add({ 'purser.component': 'x' }),
  ];
  for (const other of others) expect((await ask('POST', `/containers/${other}/stop`)).status).toBe(403);
  expect(await listed('purser.component')).toEqual([id, named]);
  expect(
    (await ask('GET', '/containers/json?filters=%7B%22label%22%3A%5B%22purser.component%22%5D%7D')).text,
  ).not.toMatch(/secret/);
  expect((await ask('DELETE', '/containers/embedder')).status).toBe(403);
  expect((await ask('GET', '/containers/embedder/json')).status).toBe(403);
});

it('lets no image protect a VM from an emergency, or be a component by its labels', async () => {
  await open();
  const { Image } = agentAsked();
  engine.imageLabels.set(Image, {
    'purser.protect': 'true',
    'purser.component': 'embedder',
    'purser.component.installation': 'mine',
  });
  const agent = await made(agentAsked());
  expect(engine.containers.get(agent)?.Labels).toMatchObject({ 'purser.protect': 'false', 'purser.stop': 'true' });
  const labels = { 'purser.component': 'embedder', 'purser.component.installation': 'mine' };
  const ofTask = engine.add({ 'purser.managed': 'mine', ...labels }, {}, 'of-a-task');
  expect(await listed('purser.component')).toEqual([]);
  expect((await ask('POST', `/containers/${ofTask}/stop`)).status).toBe(403);
});

it('offers no more than VMs may have, and gives no more', async () => {
  await open({ PURSER_GATE_MEMORY_MB: '1536', PURSER_GATE_CPUS: '2' });
  expect((await ask('GET', '/info')).body).toEqual({ MemTotal: 1_536 * 2 ** 20, NCPU: 2, MemoryLimit: true });
  await made(componentAsked(await made(agentAsked())));
  const second = agentAsked();
  second.Labels['purser.vm-name'] = 'purser-0a1b2c3d-second';
  const agent = await made({ ...second, name: 'purser-0a1b2c3d-second-agent' });
  const component = componentAsked(agent);
  component.Labels['purser.vm-name'] = 'purser-0a1b2c3d-second';
  expect((await create({ ...component, name: 'purser-0a1b2c3d-second' })).status).toBe(503);
});

it.each([
  ['1.5', 503],
  ['2', 201],
  ['', 201],
])('gives components together no more processors than VMs may have: %s', async (cpus, status) => {
  await open({ PURSER_GATE_CPUS: cpus });
  await made(componentAsked(await made(agentAsked())));
  const ofSecond = { 'purser.vm-name': 'purser-0a1b2c3d-second' };
  const second = agentAsked();
  const agent = await made({
    ...second,
    ...{ name: 'purser-0a1b2c3d-second-agent', Labels: { ...second.Labels, ...ofSecond } },
  });
  const component = componentAsked(agent);
  const asked = { ...component, name: 'purser-0a1b2c3d-second', Labels: { ...component.Labels, ...ofSecond } };
  expect((await create(asked)).status).toBe(status);
});

it('makes no more VMs than there may be at once', async () => {
  await open({ PURSER_GATE_VMS: '1' });
  const second = agentAsked();
  second.Labels['purser.vm-name'] = 'purser-0a1b2c3d-second';
  const both = await Promise.all([create(agentAsked()), create({ ...second, name: 'purser-0a1b2c3d-second-agent' })]);
  expect(both.map(({ status }) => status).sort()).toEqual([201, 503]);
});

it('lets no more than some wait for a container, and makes none that nobody waits for any more', async () => {
  await open();
  let answer: () => void = () => undefined;
  const asleep = new Promise<void>((resolve) => (answer = resolve));
  engine.before = (asked) => (asked.includes('/containers/create') ? asleep : undefined);
  const named = (id: string) => {
    const asked = agentAsked();
    const vm = `purser-0a1b2c3d-${id}`;
    return { ...asked, name: `${vm}-agent`, Labels: { ...asked.Labels, 'purser.vm-name': vm } };
  };
  const first = create(named('first'));
  while (!engine.asked.some((one) => one.includes('/containers/create'))) await delay(5);
  const leaving = new AbortController();
  const { name } = named('left');
  const left = answerOf(join(folder, 'gate.sock'), {
    ...{ method: 'POST', path: `/containers/create?name=${name}`, body: JSON.stringify(named('left')) },
    signal: leaving.signal,
  });
  const others = Array.from({ length: 30 }, (_, id) => create(named(String(id))));
  const infos = () => engine.asked.filter((one) => one.includes('/info')).length;
  while (infos() < 32) await delay(5);
  expect((await create(named('late'))).status).toBe(503);
  leaving.abort();
  await expect(left).rejects.toThrow();
  // Several turns of the gate's loop, in the first of which it sees the connection end.
  await listed('purser.component');
  engine.before = undefined;
  answer();
  expect((await first).status).toBe(201);
  expect((await Promise.all(others)).every(({ status }) => status === 201)).toBe(true);
  expect(engine.asked.some((one) => one.includes(`/containers/create?name=${name}`))).toBe(false);
  expect(infos()).toBe(32);
});

it('removes what is still there when its time is over', async () => {
  const over = String(Math.floor(Date.now() / 1_000) - 61);
  const others = [
    aVm('purser-0a1b2c3d-2', String(Number(over) + 600)),
    aVm('purser-0a1b2c3d-3', over, 'other'),
    // Of images that carry these labels: not by the name that they give.
    engine.add({ 'purser.vm-gate': 'mine' }, {}, 'some'),
    engine.add(vmLabels('purser-0a1b2c3d-1', over), {}, 'database'),
  ];
  const old = aVm('purser-0a1b2c3d-1', over);
  await open();
  while (engine.containers.has(old)) await delay(10);
  expect(others.map((id) => engine.containers.has(id))).toEqual([true, true, true, true]);
  expect(await listed('purser.managed=true')).toEqual([others[0]]);
});

it('removes the others also where one cannot be removed, and says so of those alone that are gone', async () => {
  const over = String(Math.floor(Date.now() / 1_000) - 61);
  const [stuck, silent, other] = ['a', 'b', 'c'].map((id) => aVm(`purser-0a1b2c3d-${id}`, over)) as [
    string,
    string,
    string,
  ];
  engine.before = (asked) => {
    if (asked.includes(`DELETE /containers/${stuck}`)) return 409;
    if (asked.includes(`DELETE /containers/${silent}`)) return 0;
    return undefined;
  };
  await open();
  while (engine.containers.has(other)) await delay(10);
  while (!said.some((line) => line.includes(other.slice(0, 12)))) await delay(10);
  const of = (id: string) => said.find((line) => line.includes(id.slice(0, 12)));
  expect(of(other)).toMatch(/^removed/);
  for (const one of [stuck, silent]) expect(of(one)).toMatch(/^could not remove/);
});

it('fetches no images where it may not, and no others than it may', async () => {
  await open({ PURSER_GATE_IMAGES: 'good', PURSER_GATE_AGENT_IMAGE: 'purser:local' });
  const pull = (name: string) => ask('POST', `/images/create?fromImage=${name}`);
  expect((await pull('bad%3A1')).status).toBe(403);
  // The engine's own answer: it has none of these.
  expect((await pull('good%3A1')).status).toBe(404);
  expect((await pull('purser%3Alocal')).status).toBe(404);
  await gate?.close();
  await open({ PURSER_GATE_PULL: 'false' });
  expect((await pull('good%3A1')).status).toBe(403);
});

it('takes a container whose variables make its address long', async () => {
  await open();
  const asked = { ...agentAsked(), Env: [`LONG=${'x'.repeat(100_000)}`] };
  const address = `/containers/create?name=${asked.name}&Env=${JSON.stringify(asked.Env)}`;
  expect((await ask('POST', address, asked)).status).toBe(201);
});

it('refuses everything else without asking the engine', async () => {
  await open();
  while (engine.asked.length === 0) await delay(5);
  engine.asked.length = 0;
  for (const [method, path] of [
    ['GET', '/events'],
    ['POST', '/containers/create?name=other'],
    ['POST', '/containers/x/exec'],
    ['POST', '/networks/create'],
  ] as const)
    expect((await ask(method, path, {})).status).toBe(403);
  expect(engine.asked).toEqual([]);
});
