import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually } from '@purser/testing';
import { tickingAgent } from '../agents.js';
import { Stack } from './stack.js';

jest.setTimeout(900_000);

const project = `purser-agents-${process.pid}`;
const files = [
  '-f',
  'docker-compose.yml',
  '-f',
  'test/compose/override.yml',
  '-f',
  'test/compose/containers.override.yml',
];

const example = (name: string): string => readFileSync(join(__dirname, '../../examples/agents', name), 'utf8');
const QUESTIONS = ['First question', 'Second question'];
const ITEMS = ['first item', 'second item'];

/** The examples, with what a folder of the machine's mounts for programs, and as text for containers, which see no such folder. */
const EXAMPLES: [string, object][] = [
  ['bash', { executor: 'command', input: { argv: ['bash', '/workspace/agent.sh', ...QUESTIONS] } }],
  ['Python', { executor: 'command', input: { argv: ['python3', '/workspace/agent.py', ...QUESTIONS] } }],
  [
    'bash, in a container',
    {
      executor: 'container',
      input: {
        image: 'purser:local',
        pull: 'never',
        argv: ['bash', '-c', example('agent.sh'), 'agent.sh', ...QUESTIONS],
      },
    },
  ],
  [
    'Python, in a container',
    {
      executor: 'container',
      input: { image: 'purser:local', pull: 'never', argv: ['python3', '-c', example('agent.py'), ...QUESTIONS] },
    },
  ],
];
/** `@purser/agent` is found from the folder of the program: that of the image has it. */
const delivery = (where: string) => ({
  argv: [
    'node',
    '--input-type=module',
    '-e',
    example('deliver.mjs'),
    'deliver',
    `http://inbox:9200/${where}`,
    ...ITEMS,
  ],
  cwd: '/app',
});

/** The programs of people, in the image's own container and in containers of their own. */
describe('agents with docker compose', () => {
  let stack: Stack;

  beforeAll(async () => {
    const env = { PURSER_CONTAINERS: 'true' };
    stack = await Stack.up({
      project,
      files: [...files, '--profile', 'containers'],
      scale: ['--scale', 'agent-runner=2'],
      env,
    });
  });

  afterAll(async () => {
    await stack?.down();
  });

  it.each(EXAMPLES)('runs the example in %s', async (name, task) => {
    const id = `example-${name.toLowerCase().replace(/[^a-z]+/g, '-')}`;
    await stack.api('POST', '/v1/tasks', { id, budgetUsd: '1', ...task });
    const { result } = await stack.taskIn(id, 'completed', 120_000);
    expect(result).toEqual(
      name.startsWith('bash')
        ? { answered: 2, workspace: expect.any(String) as string }
        : { answers: [expect.any(String), expect.any(String)] },
    );
  });

  it.each(['command', 'container'])('runs the example with @purser/agent as a %s', async (executor) => {
    const image = executor === 'container' ? { image: 'purser:local', pull: 'never' } : {};
    const id = `deliver-${executor}`;
    await stack.api('POST', '/v1/tasks', { id, executor, input: { ...image, ...delivery(executor) } });
    expect((await stack.taskIn(id, 'completed', 120_000)).result).toEqual({ delivered: 2 });
    const seen = (await (await fetch(`http://127.0.0.1:${stack.env.TEST_INBOX_PORT}/`)).json()) as string[];
    expect(seen.filter((one) => one.startsWith(`/${executor} `))).toEqual(ITEMS.map((item) => `/${executor} ${item}`));
  });

  it('shows a container the gateway, its control address and nothing of Purser’s own network', async () => {
    const script = `
      const get = (url) => fetch(url, { signal: AbortSignal.timeout(4000) }).then((answer) => answer.status, () => 'none');
      const tcp = (host, port) => new Promise((resolve) => {
        const one = require('node:net').connect({ host, port, timeout: 4000 });
        one.on('connect', () => resolve('reached')).on('error', () => resolve('none')).on('timeout', () => resolve('none'));
      }).finally(() => undefined);
      (async () => {
        console.log(JSON.stringify({
          models: await get(process.env.OPENAI_BASE_URL + '/models'), control: await get(process.env.PURSER_CONTROL_URL + '/resources'),
          nats: await tcp('nats', 4222), postgres: await tcp('postgres', 5432), orchestrator: await tcp('orchestrator', 8081),
          home: require('node:fs').existsSync('/var/lib/purser/secrets/agent-runner.nats.url') }));
        process.exit(0);
      })();`;
    const input = { image: 'purser:local', pull: 'never', argv: ['node', '-e', script] };
    await stack.api('POST', '/v1/tasks', { id: 'confined', executor: 'container', input });
    const { result } = await stack.taskIn('confined', 'completed');
    const seen = JSON.parse(String(result.output)) as object;
    expect(seen).toMatchObject({ control: 200, nats: 'none', postgres: 'none', orchestrator: 'none', home: false });
    expect(seen).toMatchObject({ models: expect.any(Number) as number });
  });

  it('lets whoever has the gate make nothing but containers of tasks', async () => {
    const script = `
      const { request } = require('node:http');
      const ask = (method, path, body) => new Promise((resolve, reject) => {
        const one = request({ socketPath: '/run/purser-containers/docker.sock', method, path },
          (answer) => { answer.resume(); resolve(answer.statusCode); });
        one.on('error', reject);
        one.end(body && JSON.stringify(body));
      });
      const host = { Memory: 64 * 2 ** 20, NanoCpus: 1e9, PidsLimit: 10, NetworkMode: '${project}_agents', Mounts: [] };
      const body = (changes) => ({ Image: 'purser:local', Cmd: ['true'], Env: [], WorkingDir: '/', User: '1000:1000',
        Labels: { 'purser.session': 's', 'purser.task': 't', 'purser.epoch': '1' }, HostConfig: { ...host, ...changes } });
      const create = (changes) => ask('POST', '/containers/create', body(changes));
      const bind = (Source) => ({ Mounts: [{ Type: 'bind', Source, Target: '/host' }] });
      (async () => console.log(JSON.stringify([
        await ask('GET', '/info'), await ask('GET', '/containers/' + '${'0'.repeat(12)}' + '/archive'),
        await create({ Privileged: true }), await create({ NetworkMode: 'host' }), await create(bind('/etc')),
        await create(bind('/var/lib/purser/secrets')), await create({ NetworkMode: '${project}_purser' }), await create({})])))();`;
    const said = await stack.compose('exec', '-T', 'agent-runner', 'node', '-e', script);
    expect(JSON.parse(said)).toEqual([403, 403, 403, 403, 403, 403, 403, 201]);
    expect(await stack.compose('exec', '-T', 'agent-runner', 'ls', '/var/run')).not.toContain('docker.sock');
  });

  it('leaves no container of a task when its runner’s container is killed, and goes on elsewhere', async () => {
    const input = { image: 'purser:local', pull: 'never', argv: tickingAgent(150) };
    await stack.api('POST', '/v1/tasks', { id: 'orphan-container', executor: 'container', input });
    const { sessions } = await stack.taskIn('orphan-container', 'running');
    const inside = async () =>
      (await stack.docker('ps', '--quiet', '--filter', 'label=purser.task=orphan-container'))
        .split('\n')
        .filter(Boolean);
    await eventually(async () => expect(await inside()).toHaveLength(1), { timeoutMs: 30_000, everyMs: 100 });
    const [first] = await inside();
    const victims = (await stack.containers()).filter((one) => one.Service === 'agent-runner');
    const holder = victims.find((one) => sessions[0]?.runner.includes(one.ID.slice(0, 12)));
    await stack.docker('kill', '--signal', 'KILL', holder?.ID ?? '');
    await eventually(async () => expect(await inside()).not.toContain(first), { timeoutMs: 60_000, everyMs: 100 });
    const task = await stack.taskIn('orphan-container', 'completed', 120_000);
    expect(task.epoch).toBeGreaterThan(1);
  });
});
