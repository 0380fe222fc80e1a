import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PROGRAM_SCRIPT } from '@purser/contracts';
import { VM_WORKSPACE } from '@purser/program-session';
import { eventually, expectNoChildren } from '@purser/testing';
import { VmProgram } from './program.js';

let folder: string;
let program: VmProgram;
const containers: ChildProcess[] = [];

const startContainer = (): ChildProcess => {
  const env = { PATH: process.env.PATH, PURSER_VM_FOLDER: folder };
  const container = spawn('sh', ['-c', PROGRAM_SCRIPT], { detached: true, stdio: 'ignore', env });
  containers.push(container);
  return container;
};

const stop = async (container: ChildProcess): Promise<void> => {
  const gone = once(container, 'exit');
  process.kill(-container.pid!, 'SIGKILL');
  await gone;
};

const isThere = (pid: string): boolean => {
  try {
    return process.kill(Number(pid), 0);
  } catch {
    return false;
  }
};

const madeBy = (name: string): Promise<string> => readFile(join(folder, VM_WORKSPACE, name), 'utf8').catch(() => '');

const start = (script: string): Promise<void> => {
  const order = { argv: ['sh', '-c', script], cwd: '.', env: {}, inside: {}, through: [] };
  return program.start(order, { PATH: process.env.PATH! });
};

const ended = (): Promise<number> => program.ended(AbortSignal.timeout(20_000));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-program-'));
  await mkdir(join(folder, VM_WORKSPACE));
  program = await VmProgram.prepare(folder);
});

afterEach(async () => {
  for (const container of containers.splice(0)) if (container.signalCode === null) await stop(container);
  await program.release();
  await rm(folder, { recursive: true, force: true });
});

afterAll(() => expectNoChildren());

it('is over only when nothing that it has started is there any more', async () => {
  startContainer();
  await start('sleep 600 & echo $! > left; exit 3');
  expect(await ended()).toBe(3);
  const left = await madeBy('left');
  expect(left).not.toBe('');
  await eventually(() => expect(isThere(left)).toBe(false));
});

it('is not started again when its container is', async () => {
  const first = startContainer();
  await start('echo started >> starts; echo $$ > pid; sleep 600');
  await eventually(async () => expect(await madeBy('pid')).not.toBe(''));
  await stop(first);
  // With its container goes all that is in it.
  process.kill(-Number(await madeBy('pid')), 'SIGKILL');
  startContainer();
  expect(await ended()).toBe(137);
  expect(await madeBy('starts')).toBe('started\n');
});
