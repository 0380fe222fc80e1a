import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chooseUser } from '@purser/guard';
import { ContainerExecutor, GateAccess } from '@purser/container';
import type { ExecutorResult, ExecutorSession, SessionSignal } from '@purser/plugin-sdk';
import { executorChecks } from '@purser/plugin-sdk/testing';
import { eventually } from '@purser/testing';

const run = promisify(execFile);
jest.setTimeout(120_000);

/** What the other tests of containers build on, so that it is there. */
const IMAGE = 'node:24-bookworm-slim';
const installation = `purser-test-${process.pid}`;

let root: string;
let home: string;
let server: Server;
let gatewayUrl: string;
const executors: ContainerExecutor[] = [];

const engine = (process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock').replace('unix://', '');
const docker = async (...args: string[]): Promise<string> => (await run('docker', args)).stdout.trim();
const ids = async (label: string): Promise<string[]> =>
  (await docker('ps', '--all', '--quiet', '--filter', `label=${label}`)).split('\n').filter(Boolean);

/** As the runner would start it, with a gate of its own. */
function create(changes: Record<string, string> = {}, patienceMs?: number): ContainerExecutor {
  const environment = {
    PURSER_GATE_ENGINE: engine,
    PURSER_GATE_INSTALLATION: installation,
    PURSER_GATE_NETWORK: `${installation}-agents`,
    PURSER_GATE_FOLDERS: tmpdir(),
    ...changes,
  };
  const executor = new ContainerExecutor({
    gate: new GateAccess({ folder: join(home, 'gates'), environment }, () => undefined),
    user: chooseUser(undefined, process.getuid?.() ?? -1),
    standard: { memoryMb: 128, cpus: 1, pids: 64 },
    ...(patienceMs === undefined ? {} : { patienceMs }),
  });
  executors.push(executor);
  return executor;
}

let count = 0;

/** A session on real folders, which remembers what it was told. */
class Trial {
  readonly sessionId = `s-${process.pid}-${(count += 1)}`;
  readonly lines: string[] = [];
  readonly checkpoints: unknown[] = [];
  readonly wrapping = new AbortController();
  readonly killing = new AbortController();
  signal: ((signal: SessionSignal) => void | Promise<void>) | undefined;
  folder = '';

  static async open(): Promise<Trial> {
    const trial = new Trial();
    trial.folder = await mkdtemp(join(root, 'trial-'));
    await chmod(trial.folder, 0o755);
    for (const name of ['workspace', 'session']) await mkdir(join(trial.folder, name));
    return trial;
  }

  run(executor: ContainerExecutor, input: object, changes: Partial<ExecutorSession> = {}): Promise<ExecutorResult> {
    return executor.run({
      taskId: 'task',
      sessionId: this.sessionId,
      epoch: 7,
      input: { image: IMAGE, ...input },
      resumeFrom: undefined,
      handoff: undefined,
      workspace: join(this.folder, 'workspace'),
      sessionDir: join(this.folder, 'session'),
      environment: {
        OPENAI_BASE_URL: `${gatewayUrl}/v1`,
        OPENAI_API_KEY: 'key',
        PURSER_CONTROL_URL: `${gatewayUrl}/token`,
      },
      graceMs: 2_000,
      wrap: this.wrapping.signal,
      kill: this.killing.signal,
      log: (_stream, line) => void this.lines.push(line),
      progress: () => undefined,
      checkpoint: (state) => Promise.resolve(void this.checkpoints.push(JSON.parse(Buffer.from(state).toString()))),
      writeHandoff: () => Promise.resolve(),
      resources: () => ({ level: 'healthy', limits: {}, used: { seconds: 0 } }),
      onSignal: (listener) => (this.signal = listener),
      ...changes,
    });
  }

  said(line: string): Promise<void> {
    return eventually(() => Promise.resolve(expect(this.lines).toContain(line)), { timeoutMs: 30_000, everyMs: 50 });
  }
}

const sh = (script: string) => ({ argv: ['sh', '-c', script] });
const node = (script: string) => ({ argv: ['node', '-e', script] });

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'purser-containers-'));
  await chmod(root, 0o755);
  home = join(root, 'home');
  server = createServer((request, response) => response.end(`${request.method} ${request.url}`));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  gatewayUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await docker('image', 'inspect', IMAGE).catch(() => docker('pull', IMAGE));
});

afterEach(async () => {
  await Promise.all(executors.splice(0).map((executor) => executor.close()));
  expect(await ids(`purser.managed=${installation}`)).toEqual([]);
});

afterAll(async () => {
  await docker('network', 'rm', `${installation}-agents`).catch(() => undefined);
  server.closeAllConnections();
  server.close();
  await rm(root, { recursive: true, force: true });
});

describe('the rules for executors, in a container', () => {
  const save = 'mv "$PURSER_STATE_DIR/new" "$PURSER_STATE_DIR/checkpoint.json"';
  const inImage = (script: string) => ({ image: IMAGE, ...sh(script) });
  const checks = executorChecks({
    create: () => create(),
    inputs: {
      completes: inImage('echo done'),
      fails: inImage('echo wrong >&2; exit 1'),
      invalid: { image: '' },
      wraps: inImage(`trap 'exit 75' TERM; echo at work; while :; do sleep 0.05; done`),
      stubborn: inImage(`trap '' TERM; echo at work; setsid sleep 1000 & while :; do sleep 0.05; done`),
      checkpoints: inImage(`echo '{"step":1}' > "$PURSER_STATE_DIR/new"; ${save}`),
      resumes: inImage(`cp "$PURSER_STATE_DIR/checkpoint.json" "$PURSER_STATE_DIR/new"; ${save}`),
    },
    alive: async (sessionId) => [...(await ids(`purser.session=${sessionId}`))],
    prepare: (folder) => chmod(folder, 0o755),
  });
  for (const { name, run: check } of checks) it(name, check);
});

it('gives a program its files, and takes what it leaves', async () => {
  const trial = await Trial.open();
  const result = await trial.run(
    create(),
    sh(
      'id -u; pwd; cat "$PURSER_INPUT" > seen.json; cat "$PURSER_HANDOFF"; echo $PURSER_EPOCH $PURSER_RESUME;' +
        `echo '{"n":4}' > $PURSER_STATE_DIR/new; mv $PURSER_STATE_DIR/new $PURSER_STATE_DIR/checkpoint.json;` +
        `echo '{"answer":42}' > $PURSER_STATE_DIR/result.json`,
    ),
    { resumeFrom: Buffer.from('{"n":3}'), handoff: 'go on\n' },
  );
  expect(result).toEqual({ kind: 'completed', result: { answer: 42 } });
  expect(trial.lines).toEqual(expect.arrayContaining(['/purser/workspace', 'go on', '7 1']));
  expect(Number(trial.lines.find((line) => /^\d+$/.test(line)))).toBeGreaterThan(0);
  expect(trial.checkpoints).toEqual([{ n: 4 }]);
  expect(JSON.parse(await readFile(join(trial.folder, 'workspace', 'seen.json'), 'utf8'))).toMatchObject({
    image: IMAGE,
  });
});

it('records which image it was', async () => {
  const trial = await Trial.open();
  await trial.run(create(), sh('true'));
  const id = await docker('image', 'inspect', '--format', '{{.Id}}', IMAGE);
  const digests = await docker('image', 'inspect', '--format', '{{join .RepoDigests " "}}', IMAGE);
  expect(trial.lines.join('\n')).toMatch(
    new RegExp(`the image ${IMAGE} is (${[id, ...digests.split(' ')].filter(Boolean).join('|')})`),
  );
});

it('reaches the gateway and its control address, and nothing else', async () => {
  const trial = await Trial.open();
  const other = createServer((_request, response) => response.end('reached'));
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
  const script = `
    const get = (url) => fetch(url, { signal: AbortSignal.timeout(3000) }).then((answer) => answer.text(), () => 'none');
    const host = new URL(process.env.OPENAI_BASE_URL).hostname;
    (async () => {
      console.log(await get(process.env.OPENAI_BASE_URL + '/models'));
      console.log(await get(process.env.PURSER_CONTROL_URL + '/budget'));
      console.log('host:', await get('http://' + host + ':${(other.address() as AddressInfo).port}/'));
      console.log('away:', await get('http://198.51.100.1/'));
      console.log('routes:', require('node:fs').readFileSync('/proc/net/route', 'utf8').split('\\n').filter((line) => line.split('\\t')[1] === '00000000').length);
    })();`;
  const result = await trial.run(create(), node(script));
  other.close();
  expect(result.kind).toBe('completed');
  expect(trial.lines).toEqual(
    expect.arrayContaining(['GET /v1/models', 'GET /token/budget', 'host: none', 'away: none', 'routes: 0']),
  );
});

it('is on the bridge where the task asks and the operator allows it, and still finds the gateway', async () => {
  const refused = await (await Trial.open()).run(create(), { ...sh('true'), network: 'bridge' });
  expect(refused).toMatchObject({ kind: 'failed', error: { code: 'forbidden_network' } });
  const trial = await Trial.open();
  const script = `
    console.log('routes:', require('node:fs').readFileSync('/proc/net/route', 'utf8').split('\\n').filter((line) => line.split('\\t')[1] === '00000000').length);
    fetch(process.env.OPENAI_BASE_URL + '/models').then((answer) => answer.text()).then(console.log);`;
  const result = await trial.run(create({ PURSER_GATE_BRIDGE: 'true' }), { ...node(script), network: 'bridge' });
  expect(result.kind).toBe('completed');
  expect(trial.lines).toEqual(expect.arrayContaining(['routes: 1', 'GET /v1/models']));
});

it('has no rights, no way to get any, and a root file system that cannot be written', async () => {
  const trial = await Trial.open();
  await trial.run(
    create(),
    sh(
      'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status; touch /x || echo read-only; touch /tmp/x && echo tmp; id',
    ),
  );
  const status = trial.lines.join('\n').replaceAll('\t', ' ');
  expect(status).toContain('CapEff: 0000000000000000');
  expect(status).toContain('CapBnd: 0000000000000000');
  expect(status).toContain('NoNewPrivs: 1');
  expect(status).toContain('read-only');
  expect(status).toContain('tmp');
});

it('carries the labels of its session, and the one that an emergency stops by', async () => {
  const trial = await Trial.open();
  const running = trial.run(create(), sh(`trap 'exit 75' TERM; echo up; while :; do sleep 0.1; done`));
  await trial.said('up');
  const [id = ''] = await ids(`purser.session=${trial.sessionId}`);
  expect(JSON.parse(await docker('inspect', '--format', '{{json .Config.Labels}}', id))).toMatchObject({
    'purser.task': 'task',
    'purser.epoch': '7',
    'purser.managed': installation,
    'purser.stop': 'true',
  });
  // As the watchdog does it, before the session hears of the emergency.
  await docker('stop', '--time', '1', id);
  trial.killing.abort(new Error('emergency'));
  expect(await running).toMatchObject({ kind: 'continue' });
});

it('says that memory was used up, and measures what is used', async () => {
  const trial = await Trial.open();
  const hog = 'const held = []; setInterval(() => held.push(Buffer.alloc(8 * 2 ** 20, 1)), 10);';
  expect(await trial.run(create(), { ...node(hog), memoryMb: 96 })).toMatchObject({
    kind: 'failed',
    error: { code: 'out_of_memory' },
  });
  const measured = await Trial.open();
  const executor = create();
  const held = `globalThis.held = Buffer.alloc(60 * 2 ** 20, 1); console.log('held'); setInterval(() => 0, 1000);`;
  const running = measured.run(executor, node(held));
  await measured.said('held');
  const used = await executor.memoryMb(measured.sessionId);
  expect(used).toBeGreaterThan(60);
  expect(used).toBeLessThan(128);
  measured.killing.abort(new Error('enough'));
  await running;
});

it('refuses more than the operator grants', async () => {
  const executor = create({ PURSER_GATE_MEMORY_MB: '256' });
  expect(await (await Trial.open()).run(executor, { ...sh('true'), memoryMb: 512 })).toMatchObject({
    kind: 'failed',
    error: { code: 'too_much', message: 'memoryMb is 512, the most for a container here is 256' },
  });
});

it('ends what forks without end by the limit of its processes alone', async () => {
  const trial = await Trial.open();
  const bomb = `import('node:child_process').then(({ spawn }) => {
    let failed = 0; for (let n = 0; n < 60; n += 1) spawn('sleep', ['30']).on('error', () => (failed += 1));
    setTimeout(() => { console.log(failed > 0 ? 'bounded' : 'unbounded'); process.exit(0); }, 500); });`;
  await trial.run(create(), { ...node(bomb), pids: 24 });
  expect(trial.lines).toContain('bounded');
});

it('delivers signals into the container', async () => {
  const trial = await Trial.open();
  const running = trial.run(create(), sh('echo up; tail -n +1 -f "$PURSER_STATE_DIR/signals.jsonl" | head -n 1'));
  await trial.said('up');
  await trial.signal?.({ number: 1, name: 'focus', payload: { on: 'this' }, at: '2026-01-01T00:00:00Z' });
  await eventually(() => Promise.resolve(expect(trial.lines.join()).toContain('"focus"')), { timeoutMs: 20_000 });
  trial.killing.abort(new Error('seen'));
  await running;
});

it.each([
  ['an image that is not here', { image: 'purser-test/absent:1', pull: 'never' }, 'no_image'],
  ['a registry that does not answer', { image: '127.0.0.1:1/absent:1' }, 'no_image'],
  ['a program that the image has not', { entrypoint: ['no-such-program'] }, 'not_found'],
  ['a folder that is not there', { argv: ['true'], cwd: 'absent' }, 'bad_cwd'],
  ['a folder elsewhere', { argv: ['true'], cwd: '../..' }, 'bad_cwd'],
])('says what is wrong with %s', async (_what, input, code) => {
  const result = await (await Trial.open()).run(create(), input);
  expect(result).toMatchObject({ kind: 'failed', error: { code } });
});

it('does not wait for an image when it is to wrap up', async () => {
  const registry = createServer(() => undefined);
  registry.listen(0, '127.0.0.1');
  await once(registry, 'listening');
  const image = `127.0.0.1:${(registry.address() as AddressInfo).port}/slow:1`;
  const trial = await Trial.open();
  const running = trial.run(create(), { image });
  await trial.said(`the image ${image} is pulled`);
  trial.wrapping.abort(new Error('time 0.90'));
  expect(await running).toEqual({ kind: 'continue', reason: 'time 0.90; the container was not started' });
  registry.closeAllConnections();
  registry.close();
});

it('gives a session back where Docker is not there', async () => {
  const executor = create({ PURSER_GATE_ENGINE: join(root, 'absent.sock') }, 1);
  const result = await (await Trial.open()).run(executor, sh('true'));
  expect(result).toEqual({ kind: 'released', reason: expect.stringContaining('absent.sock') as string });
});

it('removes the container of a runner that stands still, before another takes over', async () => {
  const trial = await Trial.open();
  const executor = create();
  let withinMs = 10_000;
  const running = trial.run(executor, sh('echo up; sleep 1000'), { aliveWithinMs: () => withinMs });
  await trial.said('up');
  withinMs = 1;
  expect(await running).toMatchObject({
    kind: 'continue',
    reason: expect.stringContaining('no sign of life') as string,
  });
});

it('leaves no container of a runner that is killed, nor of one whose gate is killed with it', async () => {
  const label = `purser.managed=${installation}`;
  const fixture = join(root, 'runner.mjs');
  const main = join(import.meta.dirname ?? __dirname, '../../libs/docker-gate/src/own-gate.ts');
  await mkdir(join(root, 'work'));
  await writeFile(
    fixture,
    `import { OwnGate } from ${JSON.stringify(main)};
     import { request } from 'node:http';
     const environment = JSON.parse(process.argv[2]);
     const gate = await OwnGate.start({ folder: ${JSON.stringify(join(home, 'gates'))}, environment }, () => undefined);
     const ask = (method, path, body) => new Promise((resolve, reject) => {
       const one = request({ socketPath: gate.socketPath, method, path }, (answer) => {
         let text = ''; answer.on('data', (chunk) => (text += chunk)).on('end', () => resolve(text)); });
       one.on('error', reject); one.end(body); });
     const body = { Image: '${IMAGE}', Cmd: ['sleep', '1000'], Env: [], WorkingDir: '/', User: '65534:65534',
       Labels: { 'purser.session': 's', 'purser.task': 't', 'purser.epoch': '1' },
       HostConfig: { Memory: 64 * 2 ** 20, NanoCpus: 1e9, PidsLimit: 10, NetworkMode: environment.PURSER_GATE_NETWORK, Mounts: [] } };
     await ask('GET', '/purser/about');
     const { Id } = JSON.parse(await ask('POST', '/containers/create', JSON.stringify(body)));
     await ask('POST', '/containers/' + Id + '/start');
     console.log(gate.pid);
     setInterval(() => undefined, 1000);`,
  );
  const environment = {
    ...{ PURSER_GATE_ENGINE: engine, PURSER_GATE_INSTALLATION: installation, PURSER_GATE_FOLDERS: root },
    PURSER_GATE_NETWORK: `${installation}-agents`,
  };
  const start = async () => {
    const child = execFile(process.execPath, [fixture, JSON.stringify(environment)]);
    const [said] = (await once(child.stdout!, 'data')) as [string];
    expect(await ids(label)).toHaveLength(1);
    return { child, gate: Number(said) };
  };
  const alone = await start();
  alone.child.kill('SIGKILL');
  await eventually(async () => expect(await ids(label)).toEqual([]), { timeoutMs: 30_000, everyMs: 100 });

  const both = await start();
  process.kill(both.gate, 'SIGKILL');
  both.child.kill('SIGKILL');
  await once(both.child, 'exit');
  expect(await ids(label)).toHaveLength(1);
  const next = await (await Trial.open()).run(create(), sh('true'));
  expect(next.kind).toBe('completed');
  await eventually(async () => expect(await ids(label)).toEqual([]), { timeoutMs: 30_000, everyMs: 100 });
});
