import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '@purser/embedded';
import { eventually, type Launched, launchPurser } from '@purser/testing';
import Docker from 'dockerode';
import { type MemoryRoom, memoryRoom } from './memory-room.js';

const run = promisify(execFile);
jest.setTimeout(900_000);

const root = join(__dirname, '..', '..');
const BIN = join(root, 'apps', 'cli', 'bin', 'purser.mjs');
const IMAGE = 'node:24-bookworm-slim';
/** Purser's image, when there is one of these very sources already. */
const BUILT = process.env.PURSER_TEST_IMAGE;
const AGENT_IMAGE = BUILT ?? 'purser:local';
const PRICE = { inputPerMillionUsd: '1', outputPerMillionUsd: '1' };

/** Purser with its Postgres takes some 300 to 1,100 MB of the room; the component and what presses take the rest. */
const ROOM_MB = 3_584;
const HELD_MB = 600;
const PRESSING_MB = 1_500;
/** Less than this is pressure; a quarter more is plenty. */
const SCARCE_GB = 1.2;
const PATIENCE = { timeoutMs: 240_000, everyMs: 500 };

/** Really holds its memory, and answers where it does. */
const heavy = (place: string, port: number) =>
  `const held = Buffer.alloc(${HELD_MB} * 2 ** 20, 1);
   require('node:http').createServer((request, response) => response.end('${place} ' + held.length)).listen(${port});`;

let docker: Docker;
let folder: string;
let room: MemoryRoom;
let purser: Launched;

beforeAll(async () => {
  docker = new Docker();
  if (BUILT === undefined)
    await run('docker', ['build', '--target', 'purser', '-t', AGENT_IMAGE, root], { maxBuffer: 64 * 2 ** 20 });
  folder = await mkdtemp(join(tmpdir(), 'purser-pressure-'));
  room = await memoryRoom(`purser-spec-${process.pid}`, ROOM_MB);
  const bin = join(folder, 'purser-in-its-room.mjs');
  await writeFile(
    bin,
    `import { writeFileSync } from 'node:fs';
     writeFileSync(${JSON.stringify(room.door)}, String(process.pid));
     await import(${JSON.stringify(pathToFileURL(BIN).href)});`,
  );
  const port = await freePort();
  purser = await launchPurser({
    bin,
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
            command: ['node', '-e', heavy('vm', 9_000)],
            port: 9_000,
            memoryMb: HELD_MB + 100,
            stateless: true,
            local: { url: `http://127.0.0.1:${port}`, command: [process.execPath, '-e', heavy('home', port)] },
          },
        ],
        docker: false,
      },
    },
    env: ({ PURSER_NATS_PORT }) => ({
      PURSER_NATS_BIND: '0.0.0.0',
      PURSER_PUBLIC_NATS_URL: `nats://host.docker.internal:${PURSER_NATS_PORT}`,
      PURSER_VM_AGENT_IMAGE: AGENT_IMAGE,
      PURSER_VM_HEARTBEAT_MS: '500',
      AUTO_DISCOVERY_INTERVAL_SECONDS: '2',
      HEALTH_CHECK_INTERVAL_SECONDS: '2',
      PURSER_OFFLOAD_DWELL_SECONDS: '10',
      PURSER_OFFLOAD_SAME_MACHINE: 'true',
      OFFLOAD_RAM_THRESHOLD_GB: String(SCARCE_GB),
      CRITICAL_RAM_THRESHOLD_GB: '0.1',
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
  await room?.remove();
  await rm(folder, { recursive: true, force: true });
});

const vmContainers = () =>
  docker.listContainers({ all: true, filters: { label: ['purser.managed=true', 'purser-component=heavy'] } });

async function ask(): Promise<string> {
  const response = await fetch(`${purser.apiUrl}/v1/components/heavy/request`, {
    method: 'POST',
    headers: { authorization: `Bearer ${purser.adminKey}`, 'content-type': 'application/json' },
    body: '{"path":"/"}',
  });
  const answer = (await response.json()) as { status?: number; body?: string };
  if (answer.status !== 200) throw new Error(`not answered: ${response.status} ${JSON.stringify(answer)}`);
  return Buffer.from(answer.body ?? '', 'base64').toString();
}

const typed = async (...argv: string[]) => (await run(process.execPath, [BIN, ...argv], { env: purser.env })).stdout;

/** Something else in the room that takes memory, until it is ended. */
async function press(): Promise<() => Promise<void>> {
  const program = `require('node:fs').writeFileSync(${JSON.stringify(room.door)}, String(process.pid));
    const held = Buffer.alloc(${PRESSING_MB} * 2 ** 20, 1);
    console.log(held.length);
    process.stdin.resume().on('end', () => process.exit());`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(child, 'exit');
  await Promise.race([
    once(child.stdout, 'data'),
    ended.then(() => Promise.reject(new Error('what was to press has ended'))),
  ]);
  return async () => {
    child.stdin.end();
    await ended;
  };
}

const arrived = (place: string) =>
  eventually(async () => {
    const moves = await typed('components', 'moves');
    expect([await ask(), moves]).toEqual([
      `${place} ${HELD_MB * 2 ** 20}`,
      expect.stringMatching(place === 'vm' ? /to a VM +done/ : /home +done/),
    ]);
  }, PATIENCE);

it('moves what is heavy when memory gets scarce and home when it is plentiful, by itself, and loses no request', async () => {
  await eventually(async () => expect(await ask()).toMatch(/^home /), PATIENCE);
  // It has memory enough, and says so; nothing moves.
  await eventually(async () => expect(await typed('offload', 'why')).toContain('there is memory enough'), PATIENCE);
  expect(await typed('components', 'moves')).toContain('Nothing has moved yet.');

  const answers: string[] = [];
  let stop = false;
  const callers = Array.from({ length: 4 }, async () => {
    while (!stop) answers.push(await ask());
  });
  // What they throw is thrown where they are awaited.
  for (const caller of callers) caller.catch(() => undefined);

  const relieve = await press();
  await arrived('vm');
  expect(await typed('offload', 'why', '--limit', '1000')).toMatch(/offload.*: memory is scarce/);

  await relieve();
  await arrived('home');
  expect(await typed('offload', 'why', '--limit', '1000')).toMatch(
    /recall.*: memory has been plentiful for long enough/,
  );

  stop = true;
  await Promise.all(callers);
  expect(new Set(answers)).toEqual(new Set([`home ${HELD_MB * 2 ** 20}`, `vm ${HELD_MB * 2 ** 20}`]));
  await eventually(async () => expect(await vmContainers()).toEqual([]), PATIENCE);
});
