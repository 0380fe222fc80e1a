import { chmod, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createTestDatabase, eventually, GitRemote, type TestDatabase } from '@purser/testing';
import { Hosts } from './hosts.js';
import { System } from './system.js';

jest.setTimeout(180_000);

const UNITS = 30;

/**
 * Adds a line for each unit to a file of its work tree, which says better than the checkpoint what is done: a session that
 * went on elsewhere after a crash has the newest checkpoint, and the files of the last push.
 */
const RELAY = `
  const fs = require('node:fs');
  const { PURSER_STATE_DIR: dir } = process.env;
  const epoch = Number(process.env.PURSER_EPOCH);
  const save = (name, value) => { fs.writeFileSync(dir + '/new', JSON.stringify(value)); fs.renameSync(dir + '/new', dir + '/' + name); };
  const lines = () => fs.existsSync('work.txt') ? fs.readFileSync('work.txt', 'utf8').trim().split('\\n') : [];
  let wrap = false;
  process.on('SIGTERM', () => { wrap = true; });
  const address = (require('node:os').networkInterfaces().eth0 ?? [{ address: 'none' }])[0].address;
  console.log('at ' + address + ' from line ' + lines().length);
  (async () => {
    while (lines().length < ${UNITS}) {
      if (wrap) process.exit(75);
      const n = lines().length + 1;
      fs.appendFileSync('work.txt', n + ' of ' + epoch + '\\n');
      save('checkpoint.json', { n, epoch });
      save('progress.json', { done: n, total: ${UNITS} });
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    save('result.json', { lines: lines().length });
  })();
`;

let database: TestDatabase;
let system: System;
let hosts: Hosts;
let remote: GitRemote;

beforeAll(async () => {
  [database, hosts] = await Promise.all([createTestDatabase(), Hosts.make('a', 'b')]);
  [system, remote] = await Promise.all([
    System.start({ databaseUrl: database.url }),
    GitRemote.start('acme/relay.git', { 'README.md': 'relay\n' }, { host: hosts.address }),
  ]);
  // All work is to be done elsewhere.
  await system.instance('agent-runner').stop();
});

afterAll(async () => {
  await hosts?.remove();
  await system?.stop();
  await Promise.all([remote?.stop(), database?.drop()]);
});

const startRunner = async (index: number) => {
  const host = hosts.at(index);
  const home = join(system.folder, `home-${index}`);
  await mkdir(home, { recursive: true });
  await chmod(home, 0o755);
  return hosts.runner(host, join(system.folder, `runner-${index}.log`), {
    PATH: process.env.PATH ?? '',
    HOME: process.env.HOME ?? '',
    PURSER_NATS_URL: await hosts.pass(system.nats.url),
    PURSER_DATABASE_URL: await hosts.pass(database.url),
    PURSER_GATEWAY_URL: await hosts.pass(system.url('model-gateway')),
    PURSER_HOME: home,
    PURSER_CONFIG_DIR: join(system.folder, 'config'),
    PURSER_RUNNER_PORT: '0',
    PURSER_INSTANCE: `host-${index}`,
    PURSER_GRACE_MS: '3000',
  });
};

const doneBy = (epoch: number, atLeast: number) =>
  eventually(
    async () => {
      const { body } = await system.api<{ state: { n: number; epoch: number } }>('GET', '/v1/tasks/relay/checkpoint');
      expect(body.state?.epoch).toBe(epoch);
      expect(body.state.n).toBeGreaterThanOrEqual(atLeast);
      return body.state.n;
    },
    { timeoutMs: 60_000, everyMs: 100 },
  );

it('a work tree goes from host to host through its remote, also when the host that had it is gone', async () => {
  const first = await startRunner(0);
  const workspace = { repository: remote.url };
  const input = { argv: ['node', '-e', RELAY] };
  const created = await system.api('POST', '/v1/tasks', { id: 'relay', executor: 'command', input, workspace });
  expect(created.status).toBe(201);
  await doneBy(1, 5);
  await hosts.end(first, 'SIGTERM');
  const handedOver = (await remote.show('purser/relay', 'work.txt')).split('\n');
  expect(handedOver.length).toBeGreaterThanOrEqual(5);

  const second = await startRunner(1);
  await doneBy(2, handedOver.length + 4);
  await hosts.end(second, 'SIGKILL');

  // Its folder is still there, and behind what the branch may have by now.
  const third = await startRunner(0);
  const task = await system.taskIn('relay', 'completed', 90_000);
  expect(task.result).toEqual({ lines: UNITS });
  expect(task.sessions.map(({ runner, outcome }) => `${runner} ${outcome}`)).toEqual([
    'host-0 released',
    'host-1 lost',
    'host-0 completed',
  ]);
  const lines = (await remote.show('purser/relay', 'work.txt')).split('\n');
  expect(lines.map((line) => Number(line.split(' ')[0]))).toEqual(Array.from({ length: UNITS }, (_, n) => n + 1));
  expect(lines.slice(0, handedOver.length)).toEqual(handedOver);
  // What the killed one did after the last push was redone from there, by its successor.
  expect(lines.slice(handedOver.length).every((line) => line.endsWith(' of 3'))).toBe(true);

  const { body } = await system.api<{ lines: { text: string }[] }>('GET', '/v1/tasks/relay/logs');
  const began = body.lines.map(({ text }) => text).filter((text) => text.startsWith('at '));
  const from = handedOver.length;
  expect(began).toEqual(
    process.getuid?.() === 0
      ? [
          `at ${hosts.at(0).address} from line 0`,
          `at ${hosts.at(1).address} from line ${from}`,
          `at ${hosts.at(0).address} from line ${from}`,
        ]
      : [
          expect.stringContaining('line 0'),
          expect.stringContaining(`line ${from}`),
          expect.stringContaining(`line ${from}`),
        ],
  );
  const { body: artifacts } = await system.api<{ artifacts: { kind: string }[] }>('GET', '/v1/tasks/relay/artifacts');
  expect(artifacts.artifacts.map(({ kind }) => kind).sort()).toEqual(['commit', 'handoff']);
  await hosts.end(third, 'SIGTERM');
});
