import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeEngine } from '@purser/docker-gate/testing';
import { chooseUser } from '@purser/guard';
import type { ExecutorResult, ExecutorSession } from '@purser/plugin-sdk';
import { eventually } from '@purser/testing';
import { ContainerExecutor } from './container.executor.js';
import { Engine } from './engine.js';
import { GateAccess } from './gate-access.js';
import { SignsOfLife } from './signs-of-life.js';

let folder: string;
let engine: FakeEngine;
let gate: GateAccess;
let executor: ContainerExecutor;
let gatePid: number | undefined;
let open: (patienceMs: number) => ContainerExecutor;

/** A session on real folders, in a container of an engine that is none. */
class Trial {
  readonly lines: string[] = [];
  readonly wrapping = new AbortController();
  readonly killing = new AbortController();

  run(input: object = {}, changes: Partial<ExecutorSession> = {}): Promise<ExecutorResult> {
    return executor.run({
      ...{ taskId: 'task', sessionId: 'session', epoch: 1, resumeFrom: undefined, handoff: undefined },
      input: { image: 'image', ...input },
      workspace: join(folder, 'workspaces', 'task'),
      sessionDir: join(folder, 'sessions', 'session'),
      environment: { PURSER_CONTROL_URL: 'http://127.0.0.1:9/token' },
      graceMs: 20_000,
      wrap: this.wrapping.signal,
      kill: this.killing.signal,
      log: (_stream, line) => void this.lines.push(line),
      progress: () => undefined,
      checkpoint: () => Promise.resolve(),
      writeHandoff: () => Promise.resolve(),
      resources: () => ({ level: 'healthy', limits: {}, used: { seconds: 0 } }),
      ...changes,
    });
  }
}

const asked = (part: string): Promise<void> =>
  eventually(() => Promise.resolve(expect(engine.asked.join('\n')).toContain(part)), { everyMs: 20 });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-container-'));
  for (const name of ['workspaces/task', 'sessions/session']) await mkdir(join(folder, name), { recursive: true });
  engine = await FakeEngine.start(join(folder, 'engine.sock'));
  engine.subnet = '127.0.0.0/8';
  const environment = {
    PURSER_GATE_ENGINE: join(folder, 'engine.sock'),
    PURSER_GATE_INSTALLATION: 'mine',
    PURSER_GATE_NETWORK: 'agents',
    PURSER_GATE_FOLDERS: `${join(folder, 'workspaces')},${join(folder, 'sessions')}`,
  };
  gate = new GateAccess({ folder: join(folder, 'gates'), environment }, (line) => {
    const [, pid] = /^started .* as process (\d+)$/.exec(line) ?? [];
    if (pid !== undefined) gatePid = Number(pid);
  });
  const user = chooseUser(undefined, process.getuid?.() ?? -1);
  open = (patienceMs) =>
    new ContainerExecutor({ gate, user, standard: { memoryMb: 64, cpus: 1, pids: 16 }, patienceMs });
  executor = open(60_000);
});

afterEach(async () => {
  engine.before = undefined;
  await executor.close();
  await engine.stop();
  await rm(folder, { recursive: true });
});

it('runs a container, keeps what it prints, and removes it', async () => {
  engine.onStart = (id) => {
    engine.print(id, 'hello');
    engine.exit(id, 0);
  };
  const trial = new Trial();
  expect(await trial.run()).toEqual({ kind: 'completed', result: { exitCode: 0, output: 'hello\n' } });
  expect(engine.containers.size).toBe(0);
});

it('gives signs of life while the engine takes its time to start the container', async () => {
  let started = (): void => undefined;
  const starting = new Promise<void>((resolve) => (started = resolve));
  engine.before = (what) => (what.endsWith('/start') ? starting : undefined);
  engine.onStart = (id) => engine.exit(id, 0);
  let signs = 0;
  const aliveWithinMs = (): number => {
    signs += 1;
    // Many times as long as a session may stand still.
    if (signs === 12) started();
    return 200;
  };
  expect(await new Trial().run({}, { aliveWithinMs })).toMatchObject({ kind: 'completed' });
  expect(engine.containers.size).toBe(0);
});

it('starts its gate anew when somebody has removed its socket', async () => {
  const before = await gate.socketPath();
  await rm(before);
  const after = await gate.socketPath();
  expect(after).not.toBe(before);
  expect(await new Engine(after).about()).toMatchObject({ bridge: false });
});

it('is not ready before what a killed runner left is gone', async () => {
  const left = engine.add({ 'purser.managed': 'mine', 'purser.gate': 'dead' });
  let failures = 2;
  engine.before = (what) => (what.startsWith('DELETE') && (failures -= 1) >= 0 ? 500 : undefined);
  await executor.ready(new AbortController().signal, () => undefined);
  expect(engine.containers.has(left)).toBe(false);
});

it('does not start what the gate has given up', async () => {
  engine.before = (what) => (what.endsWith('/start') ? new Promise(() => undefined) : undefined);
  executor = open(0);
  const reason = expect.stringContaining('the gate does not watch the container') as string;
  expect(await new Trial().run({}, { aliveWithinMs: () => 1 })).toEqual({ kind: 'released', reason });
  expect(engine.containers.size).toBe(0);
});

it('leaves nothing of what is killed while it starts', async () => {
  engine.before = (what) => (what.endsWith('/start') ? new Promise(() => undefined) : undefined);
  const trial = new Trial();
  const running = trial.run();
  await asked('/start');
  trial.killing.abort(new Error('emergency'));
  expect(await running).toEqual({ kind: 'continue', reason: 'stopped: emergency' });
  expect(engine.containers.size).toBe(0);
});

it('sends SIGTERM again when it did not arrive, and says so', async () => {
  let failures = 2;
  engine.before = (what) => (what.endsWith('SIGTERM') && (failures -= 1) >= 0 ? 500 : undefined);
  engine.onTerminate = (id) => engine.exit(id, 75);
  const trial = new Trial();
  const running = trial.run();
  await asked('/wait');
  trial.wrapping.abort(new Error('time 0.90'));
  expect(await running).toEqual({ kind: 'continue', reason: 'time 0.90; it ended with exit code 75' });
  expect(trial.lines.filter((line) => line.includes('SIGTERM did not reach the container'))).toHaveLength(1);
});

it('is not over before a gate says that the container is gone', async () => {
  const trial = new Trial();
  const running = trial.run();
  await asked('/wait');
  let removed = (): void => undefined;
  const removing = new Promise<void>((resolve) => (removed = resolve));
  engine.before = (what) => (what.startsWith('DELETE') ? removing : undefined);
  let over = false;
  void running.then(() => (over = true));
  process.kill(gatePid!, 'SIGKILL');
  await asked('DELETE');
  expect([over, engine.containers.size]).toEqual([false, 1]);
  removed();
  // What it had begun counts as a session, or a task that ends its gate would be run for ever.
  expect(await running).toMatchObject({ kind: 'continue' });
  expect(engine.containers.size).toBe(0);
});

it.each([
  ['the network', '/networks/'],
  ['an image', '/images/'],
  ['a container to be made', '/create'],
  ['one to be started', '/start'],
])('waits while the engine cannot be asked for %s', async (_what, part) => {
  let failures = 2;
  engine.before = (what) => (what.includes(part) && (failures -= 1) >= 0 ? 503 : undefined);
  engine.onStart = (id) => engine.exit(id, 0);
  const trial = new Trial();
  expect(await trial.run()).toMatchObject({ kind: 'completed' });
  expect(trial.lines.filter((line) => line.endsWith('; it is tried again'))).toHaveLength(1);
});

it('gives a session back when the engine cannot be asked for long', async () => {
  executor = open(1);
  engine.before = (what) => (what.startsWith('GET /networks/') ? 503 : undefined);
  expect(await new Trial().run()).toMatchObject({ kind: 'released' });
});

it('waits no longer than its session may', async () => {
  engine.before = (what) => (what.startsWith('GET /networks/') ? 503 : undefined);
  const trial = new Trial();
  const running = trial.run();
  await eventually(() => Promise.resolve(expect(trial.lines.join()).toContain('it is tried again')), { everyMs: 20 });
  trial.wrapping.abort(new Error('time 0.90'));
  expect(await running).toEqual({ kind: 'continue', reason: 'time 0.90; the container was not started' });
});

it('fails what its task got wrong', async () => {
  engine.absent.add('absent');
  const failed = (code: string) => ({ kind: 'failed', error: { code } });
  expect(await new Trial().run({ image: 'absent' })).toMatchObject(failed('no_image'));
  expect(await new Trial().run({ memoryMb: 1_000_000 })).toMatchObject(failed('too_much'));
});

it('gives the next sign of life when one is not heard', async () => {
  const heard: string[] = [];
  const deaf: Server = createServer((request) => void heard.push(request.url ?? ''));
  deaf.listen(join(folder, 'deaf.sock'));
  await once(deaf, 'listening');
  const signs = new SignsOfLife(new Engine(join(folder, 'deaf.sock')), 'a1'.repeat(32), () => 100);
  await eventually(() => Promise.resolve(expect(heard.length).toBeGreaterThan(2)), { everyMs: 50 });
  signs.stop();
  deaf.closeAllConnections();
  deaf.close();
});
