import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '@purser/embedded';
import { eventually, type Launched, launchPurser } from '@purser/testing';
import Docker from 'dockerode';

const run = promisify(execFile);
jest.setTimeout(900_000);

const root = join(__dirname, '..', '..');
const IMAGE = 'node:24-bookworm-slim';
/** Purser's image, when there is one of these very sources already. */
const BUILT = process.env.PURSER_TEST_IMAGE;
const AGENT_IMAGE = BUILT ?? 'purser:local';
const HELD_MB = 600;
const PRICE = { inputPerMillionUsd: '1', outputPerMillionUsd: '1' };
const LOCAL = `purser-spec-heavy-${process.pid}`;

/** Really holds its memory, and answers where it does. */
const HEAVY = [
  'node',
  '-e',
  `const held = Buffer.alloc(${HELD_MB} * 2 ** 20, 1);
   require('node:http').createServer((request, response) => response.end(process.env.PLACE + ' ' + held.length)).listen(9000);`,
];

const docker = new Docker();
let purser: Launched;
let local: Docker.Container;

async function api(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${purser.apiUrl}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${purser.adminKey}`, 'content-type': 'application/json' },
  });
}
const post = (path: string, body: object = {}) => api(path, { method: 'POST', body: JSON.stringify(body) });

async function ask(): Promise<string> {
  const response = await post('/v1/components/heavy/request', { path: '/' });
  const answer = (await response.json()) as { status?: number; body?: string };
  if (answer.status !== 200) throw new Error(`not answered: ${response.status} ${JSON.stringify(answer)}`);
  return Buffer.from(answer.body ?? '', 'base64').toString();
}

interface MoveSeen {
  step: string;
  error: string | null;
}
const lastMove = async () => ((await (await api('/v1/offload/moves')).json()) as { moves: MoveSeen[] }).moves[0];
const vmContainers = () =>
  docker.listContainers({ all: true, filters: { label: ['purser.managed=true', 'purser-component=heavy'] } });

const arrived = () =>
  eventually(
    async () => {
      const move = await lastMove();
      if (move?.step === 'failed') throw new Error(`it failed: ${move.error}`);
      expect(move?.step).toBe('done');
    },
    { timeoutMs: 180_000, everyMs: 500 },
  );

beforeAll(async () => {
  if (BUILT === undefined)
    await run('docker', ['build', '--target', 'purser', '-t', AGENT_IMAGE, root], { maxBuffer: 64 * 2 ** 20 });
  const port = await freePort();
  local = await docker.createContainer({
    name: LOCAL,
    Image: IMAGE,
    Cmd: HEAVY,
    Env: ['PLACE=home'],
    ExposedPorts: { '9000/tcp': {} },
    HostConfig: { PortBindings: { '9000/tcp': [{ HostIp: '127.0.0.1', HostPort: String(port) }] } },
  });
  await local.start();
  purser = await launchPurser({
    bin: join(root, 'apps', 'cli', 'bin', 'purser.mjs'),
    openaiBaseUrl: 'http://127.0.0.1:1/v1',
    models: { unused: { tier_1_paid: { provider: 'openai', model: 'none', price: PRICE, maxOutputTokens: 1 } } },
    budgets: { budgets: [{ id: 'monthly', period: 'month', limitUsd: '20' }] },
    files: {
      'plugins.json': { plugins: [{ use: '@purser/openai' }, { use: '@purser/docker-compute' }] },
      'components.json': {
        components: [
          {
            name: 'heavy',
            image: IMAGE,
            command: HEAVY,
            env: { PLACE: 'vm' },
            port: 9_000,
            memoryMb: HELD_MB + 100,
            stateless: true,
            local: { url: `http://127.0.0.1:${port}`, container: LOCAL },
          },
        ],
      },
    },
    env: ({ PURSER_NATS_PORT }) => ({
      PURSER_NATS_BIND: '0.0.0.0',
      PURSER_PUBLIC_NATS_URL: `nats://host.docker.internal:${PURSER_NATS_PORT}`,
      PURSER_VM_AGENT_IMAGE: AGENT_IMAGE,
      PURSER_VM_HEARTBEAT_MS: '500',
      ENABLE_AUTO_MIGRATION: 'false',
    }),
  });
});

afterAll(async () => {
  await purser?.stop();
  for (const { Id } of await vmContainers())
    await docker
      .getContainer(Id)
      .remove({ force: true })
      .catch(() => undefined);
  await local?.remove({ force: true });
});

it('moves a component that holds 600 MB to a VM of Docker and back, and answers every request meanwhile', async () => {
  await eventually(async () => expect(await ask()).toMatch(/^home /), { timeoutMs: 60_000, everyMs: 500 });
  const answers: string[] = [];
  let stop = false;
  const callers = Array.from({ length: 4 }, async () => {
    while (!stop) answers.push(await ask());
  });
  // What they throw is thrown where they are awaited.
  for (const caller of callers) caller.catch(() => undefined);

  expect((await post('/v1/components/heavy/offload')).status).toBe(202);
  await arrived();
  expect((await local.inspect()).State.Running).toBe(false);
  const there = answers.length + 20;
  // One that was not answered says why.
  await Promise.race([eventually(() => expect(answers.length).toBeGreaterThan(there)), Promise.all(callers)]);
  expect(answers.at(-1)).toBe(`vm ${HELD_MB * 2 ** 20}`);
  const component = (await vmContainers()).find(({ Labels }) => Labels['purser.part'] === 'component');
  const stats = await docker.getContainer(component?.Id ?? '').stats({ stream: false });
  expect(stats.memory_stats.usage / 2 ** 20).toBeGreaterThan(HELD_MB);

  expect((await post('/v1/components/heavy/recall')).status).toBe(202);
  await arrived();
  const back = answers.length + 20;
  await Promise.race([eventually(() => expect(answers.length).toBeGreaterThan(back)), Promise.all(callers)]);
  stop = true;
  await Promise.all(callers);
  expect(answers.at(-1)).toMatch(/^home /);
  await eventually(async () => expect(await vmContainers()).toEqual([]), { timeoutMs: 60_000 });
});
