import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, type Launched, launchPurser } from '@purser/testing';
import Docker from 'dockerode';

const run = promisify(execFile);
jest.setTimeout(900_000);

const root = join(__dirname, '..', '..');
/** Purser's image, when there is one of these very sources already. */
const BUILT = process.env.PURSER_TEST_IMAGE;
const AGENT_IMAGE = BUILT ?? 'purser:local';
/** Knows nothing of Purser. */
const IMAGE = 'node:24-bookworm-slim';
const PRICE = { inputPerMillionUsd: '1', outputPerMillionUsd: '1' };

const docker = new Docker();
let purser: Launched;

async function api(path: string, init: RequestInit = {}): Promise<Response> {
  return fetch(`${purser.apiUrl}${path}`, {
    ...init,
    headers: { authorization: `Bearer ${purser.adminKey}`, 'content-type': 'application/json' },
  });
}

interface TaskSeen {
  state: string;
  result: unknown;
  sessions: unknown[];
}

async function ended(id: string): Promise<TaskSeen> {
  return eventually(
    async () => {
      const task = (await (await api(`/v1/tasks/${id}`)).json()) as TaskSeen;
      if (['completed', 'failed'].includes(task.state)) return task;
      throw new Error(`${JSON.stringify(task)}\n${await logOf(id)}`);
    },
    { timeoutMs: 240_000, everyMs: 500 },
  );
}

const logOf = async (id: string): Promise<string> =>
  ((await (await api(`/v1/tasks/${id}/logs`)).json()) as { lines: { text: string }[] }).lines
    .map(({ text }) => text)
    .join('\n');

const submit = async (task: object): Promise<void> => {
  const response = await api('/v1/tasks', {
    method: 'POST',
    body: JSON.stringify({ labels: ['placement:offload'], ...task }),
  });
  expect([response.status, await response.text()]).toEqual([201, expect.any(String)]);
};

const vmContainers = async () =>
  (await docker.listContainers({ all: true, filters: { label: ['purser.managed=true', 'purser-vm'] } })).filter(
    ({ Labels }) => Labels['purser-component']?.startsWith('session-'),
  );
const volumes = async () => (await docker.listVolumes()).Volumes.map(({ Name }) => Name);
let before: string[];

beforeAll(async () => {
  if (BUILT === undefined)
    await run('docker', ['build', '--target', 'purser', '-t', AGENT_IMAGE, root], { maxBuffer: 64 * 2 ** 20 });
  before = await volumes();
  purser = await launchPurser({
    bin: join(root, 'apps', 'cli', 'bin', 'purser.mjs'),
    openaiBaseUrl: 'http://127.0.0.1:1/v1',
    models: { unused: { tier_1_paid: { provider: 'openai', model: 'none', price: PRICE, maxOutputTokens: 1 } } },
    budgets: { budgets: [{ id: 'monthly', period: 'month', limitUsd: '20' }] },
    files: {
      'plugins.json': { plugins: [{ use: '@purser/openai' }, { use: '@purser/docker-compute' }] },
      'components.json': { components: [], docker: false },
    },
    env: ({ PURSER_NATS_PORT }) => ({
      PURSER_NATS_BIND: '0.0.0.0',
      PURSER_PUBLIC_NATS_URL: `nats://host.docker.internal:${PURSER_NATS_PORT}`,
      PURSER_VM_AGENT_IMAGE: AGENT_IMAGE,
      PURSER_VM_HEARTBEAT_MS: '500',
      PURSER_CONTAINERS: 'true',
      PURSER_SESSION_VMS: 'true',
      ENABLE_AUTO_MIGRATION: 'false',
    }),
  });
});

afterAll(async () => {
  await purser?.stop();
});

it('runs sessions of any image on VMs of Docker, and leaves nothing of them', async () => {
  const program = `
    const fs = require('node:fs');
    const state = process.env.PURSER_STATE_DIR;
    fs.appendFileSync('notes.txt', 'epoch ' + process.env.PURSER_EPOCH + ' as ' + process.getuid() + '\\n');
    (async () => {
      const models = await fetch(process.env.OPENAI_BASE_URL + '/models', { headers: { authorization: 'Bearer ' + process.env.OPENAI_API_KEY } });
      console.log('gateway ' + models.status + ', notes: ' + fs.readFileSync('notes.txt', 'utf8').trim());
      if (process.env.PURSER_RESUME === '1') {
        fs.writeFileSync(state + '/result.json', fs.readFileSync(state + '/checkpoint.json'));
        return;
      }
      fs.writeFileSync(state + '/new', '{"done":1}', { mode: 0o600 });
      fs.renameSync(state + '/new', state + '/checkpoint.json');
      process.exit(75);
    })();`;
  await submit({ id: 'foreign', executor: 'container', input: { image: IMAGE, argv: ['node', '-e', program] } });
  const task = await ended('foreign');
  expect({ ...task, log: await logOf('foreign') }).toMatchObject({ state: 'completed', result: { done: 1 } });
  expect(task.sessions).toHaveLength(2);
  expect(await logOf('foreign')).toMatch(/gateway 200, notes: epoch 1 as 1000/);
  await eventually(async () => expect(await vmContainers()).toEqual([]), { timeoutMs: 60_000, everyMs: 500 });
  expect((await volumes()).filter((name) => !before.includes(name))).toEqual([]);
});

it('has the whole program wrap up, not its first process alone', async () => {
  const script = `
    node -e 'process.on("SIGTERM", () => { console.log("the child heard it"); process.exit(0); }); setInterval(() => 0, 1000); console.log("child is there")' &
    trap 'wait; exit 75' TERM
    wait`;
  await submit({ id: 'wraps', executor: 'command', input: { argv: ['bash', '-c', script] } });
  await eventually(async () => expect(await logOf('wraps')).toContain('child is there'), { timeoutMs: 120_000 });
  expect((await api('/v1/tasks/wraps/cancel', { method: 'POST', body: '{}' })).status).toBeLessThan(300);
  await eventually(async () => expect(await logOf('wraps')).toContain('the child heard it'), { timeoutMs: 30_000 });
  await eventually(async () => expect(await vmContainers()).toEqual([]), { timeoutMs: 60_000, everyMs: 500 });
});
