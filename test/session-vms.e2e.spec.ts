import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '@purser/testing';
import { countingAgent } from './agents.js';
import { System, type TaskSeen } from './system.js';

jest.setTimeout(240_000);

const PLACED = ['placement:offload'];
const root = join(import.meta.dirname, '..');
/** Beside `node_modules`, from which it takes what it needs. */
const DRIVER = join(root, 'test', 'faults', 'process-compute.mjs');

let folder: string;
let system: System;

/** The VMs that the platform itself has. */
const alive = async (): Promise<string[]> => {
  const found = await readdir(folder, { recursive: true });
  return found.filter((path) => /^purser-[^/]+\/alive$/.test(path));
};

const logOf = async (id: string): Promise<string> => {
  const { body } = await system.api<{ lines: { text: string }[] }>('GET', `/v1/tasks/${id}/logs`);
  return body.lines.map(({ text }) => text).join('\n');
};

/** With what its sessions said, where it does not get there. */
async function ended(id: string, state = 'completed'): Promise<TaskSeen> {
  try {
    return await system.taskIn(id, state, 90_000);
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${await logOf(id)}`, { cause: error });
  }
}

const submit = async (task: object): Promise<void> => {
  expect(await system.api('POST', '/v1/tasks', { executor: 'command', labels: PLACED, ...task })).toMatchObject({
    status: 201,
  });
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-session-vms-'));
  const users = join(folder, 'users.conf');
  // This spec's server lets everybody in; the file has places all the same.
  await writeFile(users, Array.from({ length: 8 }, (_, nth) => `PURSER_GUEST_${nth + 1}: {}\n`).join(''));
  const env: Record<string, string> = {
    GCP_VM_TYPE: 'small',
    PURSER_SESSION_VMS: 'true',
    PURSER_VM_NATS_USERS_FILE: users,
    PURSER_VM_HEARTBEAT_MS: '200',
    HEALTH_CHECK_INTERVAL_SECONDS: '5',
    ENABLE_AUTO_MIGRATION: 'false',
  };
  system = await System.start({
    budgets: {
      budgets: [
        { id: 'all', period: 'day', limitUsd: '20' },
        { id: 'poor', scope: { project: 'poor' }, period: 'day', limitUsd: '0.05' },
      ],
    },
    env,
    busThrough: (natsUrl) => {
      env.PURSER_PUBLIC_NATS_URL = `nats://${new URL(natsUrl).host}`;
      return Promise.resolve(natsUrl);
    },
    plugins: [{ use: DRIVER, config: { folder, agent: join(root, 'apps', 'vm-agent', 'dist', 'main.js') } }],
  });
});

afterAll(async () => {
  await system?.stop();
  await rm(folder, { recursive: true, force: true });
});

it('runs a session on a VM: with the gateway, its files, its workspace and its output; and the next one goes on', async () => {
  const program = `
    set -e
    echo "epoch $PURSER_EPOCH in $PWD with $(cat "$PURSER_INPUT" | wc -c) bytes" >&2
    echo "epoch $PURSER_EPOCH" >> notes.txt
    node -e '
      (async () => {
        const answer = await fetch(process.env.OPENAI_BASE_URL + "/chat/completions", {
          method: "POST",
          headers: { "content-type": "application/json", authorization: "Bearer " + process.env.OPENAI_API_KEY },
          body: JSON.stringify({ model: "code_generation", max_tokens: 50, stream: true, messages: [{ role: "user", content: "hello" }] }),
        });
        const text = await answer.text();
        console.log("streamed " + answer.status + " " + text.split("data: ").length);
        const here = await fetch(process.env.PURSER_CONTROL_URL + "/resources");
        console.log("control " + here.status);
      })();
    '
    if [ "$PURSER_RESUME" = 1 ]; then
      mkdir -p "$PURSER_STATE_DIR/artifacts"
      cp notes.txt "$PURSER_STATE_DIR/artifacts/notes.txt"
      printf '{"before":%s}' "$(cat "$PURSER_STATE_DIR/checkpoint.json")" > "$PURSER_STATE_DIR/result.json"
      exit 0
    fi
    echo '{"step":1}' > "$PURSER_STATE_DIR/new" && mv "$PURSER_STATE_DIR/new" "$PURSER_STATE_DIR/checkpoint.json"
    echo 'what is left: one step' > "$PURSER_HANDOFF"
    exit 75`;
  await submit({ id: 'placed', input: { argv: ['sh', '-c', program] }, project: 'lab' });
  const task = await ended('placed');
  expect(task.result).toEqual({ before: { step: 1 } });
  expect(task.sessions).toHaveLength(2);
  const log = await logOf('placed');
  expect(log).toMatch(/VM [0-9a-f]{12} is made: small of process/);
  expect(log).toContain('epoch 1 in ');
  expect(log).toMatch(/streamed 200 \d+/);
  expect(log).toContain('control 200');
  expect(log).toContain('/workspace with');
  const artifact = await fetch(`${system.url('orchestrator')}/v1/tasks/placed/artifacts/notes.txt`, {
    headers: { authorization: `Bearer ${await system.adminKey}` },
  });
  expect(await artifact.text()).toBe('epoch 1\nepoch 2\n');
  await eventually(async () => expect(await alive()).toEqual([]), { timeoutMs: 30_000 });
  await eventually(
    async () => {
      const { body } = await system.api<{
        entries: { capability: string; model: string; project: string; task: string }[];
      }>('GET', '/v1/ledger?provider=process');
      // What has left a VM is an entry of its own.
      expect(body.entries.filter(({ model }) => model !== 'egress')).toHaveLength(2);
      for (const entry of body.entries)
        expect(entry).toMatchObject({ capability: 'compute', project: 'lab', task: 'placed' });
    },
    { timeoutMs: 30_000 },
  );
});

it('leaves no VM when its runner is killed, and goes on from the checkpoint on another', async () => {
  await submit({ id: 'killed', input: { argv: countingAgent(40) } });
  await eventually(
    async () => {
      const { body } = await system.api<{ checkpoint: unknown }>('GET', '/v1/tasks/killed/checkpoint');
      expect(body).toHaveProperty('state');
    },
    { timeoutMs: 60_000, everyMs: 100 },
  );
  const before = await alive();
  expect(before).toHaveLength(1);
  await system.instance('agent-runner').kill();
  await eventually(async () => expect(await alive()).toEqual([]), { timeoutMs: 60_000 });
  await system.instance('agent-runner').start();
  const task = await ended('killed');
  expect(task.result).toMatchObject({ units: 40, numbers: Array.from({ length: 40 }, (_, nth) => nth + 1) });
  expect(task.sessions.length).toBeGreaterThan(1);
  await eventually(async () => expect(await alive()).toEqual([]), { timeoutMs: 30_000 });
});

it.each([
  ['its project', { project: 'poor' }],
  ['the task itself', { budgetUsd: '0.05' }],
])('waits for the money that the VM may cost where %s has not got it, and makes none', async (_, payer) => {
  const id = `unpaid-${Object.keys(payer).join()}`;
  await submit({ id, input: { argv: ['true'] }, ...payer });
  const task = await ended(id, 'paused');
  expect(task.waiting).toContain('budget');
  expect(await logOf(id)).not.toContain('is made');
  expect(await alive()).toEqual([]);
  await system.api('POST', `/v1/tasks/${id}/cancel`, {});
});
