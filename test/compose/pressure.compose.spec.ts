import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { freePort } from '@purser/embedded';
import { eventually, type Launched } from '@purser/testing';
import Docker from 'dockerode';
import { answerFrom, ask, BIN, Callers, heavy, launchWithHeavy, removeVms, vmContainers } from './heavy.js';
import { type MemoryRoom, memoryRoom } from './memory-room.js';

const run = promisify(execFile);
jest.setTimeout(900_000);

/** Purser with its Postgres takes some 300 to 1,100 MB of the room; the component and what presses take the rest. */
const ROOM_MB = 3_584;
const PRESSING_MB = 1_500;
/** Less than this is pressure; a quarter more is plenty. */
const SCARCE_GB = 1.2;
const PATIENCE = { timeoutMs: 240_000, everyMs: 500 };

let docker: Docker;
let folder: string;
let room: MemoryRoom;
let purser: Launched;
let relieve: (() => Promise<void>) | undefined;

beforeAll(async () => {
  docker = new Docker();
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
  purser = await launchWithHeavy({
    bin,
    local: { url: `http://127.0.0.1:${port}`, command: [process.execPath, '-e', heavy('home', port)] },
    others: { docker: false },
    env: {
      AUTO_DISCOVERY_INTERVAL_SECONDS: '2',
      HEALTH_CHECK_INTERVAL_SECONDS: '2',
      PURSER_OFFLOAD_DWELL_SECONDS: '10',
      PURSER_OFFLOAD_SAME_MACHINE: 'true',
      OFFLOAD_RAM_THRESHOLD_GB: String(SCARCE_GB),
      CRITICAL_RAM_THRESHOLD_GB: '0.1',
    },
  });
});

afterAll(async () => {
  await relieve?.();
  await purser?.stop();
  await removeVms(docker);
  await room?.remove();
  await rm(folder, { recursive: true, force: true });
});

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
    expect([await ask(purser), moves]).toEqual([
      answerFrom(place),
      expect.stringMatching(place === 'vm' ? /to a VM +done/ : /home +done/),
    ]);
  }, PATIENCE);

it('moves what is heavy when memory gets scarce and home when it is plentiful, by itself, and loses no request', async () => {
  await eventually(async () => expect(await ask(purser)).toMatch(/^home /), PATIENCE);
  // It has memory enough, and says so; nothing moves.
  await eventually(async () => expect(await typed('offload', 'why')).toContain('there is memory enough'), PATIENCE);
  expect(await typed('components', 'moves')).toContain('Nothing has moved yet.');

  const callers = new Callers(() => ask(purser));
  relieve = await press();
  await arrived('vm');
  // It is taken fast: whoever looks in between sees what it comes to before it is scarce.
  expect(await typed('offload', 'why', '--limit', '1000')).toMatch(/offload.*: memory (is scarce|will be critical)/);

  await relieve();
  await arrived('home');
  expect(await typed('offload', 'why', '--limit', '1000')).toMatch(
    /recall.*: memory has been plentiful for long enough/,
  );

  await callers.stop();
  expect(new Set(callers.answers)).toEqual(new Set([answerFrom('home'), answerFrom('vm')]));
  await eventually(async () => expect(await vmContainers(docker)).toEqual([]), PATIENCE);
});
