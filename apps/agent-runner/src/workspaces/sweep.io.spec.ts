import { chmod, mkdir, mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Bus } from '@purser/bus';
import { PurserError } from '@purser/contracts';
import { type Log, systemClock } from '@purser/service';
import type { Config } from '../config.js';
import type { WorkTrees } from './work-trees.service.js';
import { Workspaces } from './workspaces.service.js';

let folder: string;
let workspaces: Workspaces;
let asked: string[];
let warnings: string[];
let answer: (id: string) => Promise<unknown>;

const finishedLongAgo = { finishedAt: new Date(Date.now() - 100 * 3_600_000).toISOString() };
const unknown = () => Promise.reject(new PurserError('not_found'));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-sweep-'));
  await chmod(folder, 0o755);
  asked = [];
  warnings = [];
  answer = unknown;
  const call = (_operation: unknown, { id }: { id: string }) => {
    asked.push(id);
    return answer(id);
  };
  const log = { debug() {}, info() {}, error() {}, warn: (_fields: unknown, text: string) => warnings.push(text) };
  workspaces = new Workspaces(
    { call } as unknown as Bus,
    systemClock,
    log as unknown as Log,
    { PURSER_HOME: folder, PURSER_WORKSPACE_KEEP_HOURS: 24 } as Config,
    {
      open: () => Promise.resolve(undefined),
      load: () => Promise.resolve(),
      forget: () => Promise.resolve(),
    } as unknown as WorkTrees,
  );
  await workspaces.open();
});
afterEach(async () => {
  await workspaces.close();
  await rm(folder, { recursive: true, force: true });
});

const sweep = () => workspaces.sweep(() => false);
const old = async (name: string) => {
  const workspace = join(folder, 'workspaces', name);
  const then = new Date(Date.now() - 50 * 3_600_000);
  await mkdir(workspace);
  await utimes(workspace, then, then);
};

it('warns when the folder of the workspaces is gone, and goes on when it is back', async () => {
  await rm(join(folder, 'workspaces'), { recursive: true });
  await sweep();
  expect(warnings).toEqual([expect.stringContaining('could not be looked through')]);
  answer = () => Promise.resolve(finishedLongAgo);
  await mkdir(join(folder, 'workspaces'));
  await old('task');
  await sweep();
  expect(await readdir(join(folder, 'workspaces'))).toEqual([]);
});

it('gets to every folder, however many others have to stay', async () => {
  for (let n = 0; n < 450; n += 1) await old(`stays-${n}`);
  await old('zz-last');
  answer = (id) => (id === 'zz-last' ? Promise.resolve(finishedLongAgo) : unknown());
  for (let n = 0; n < 3; n += 1) await sweep();
  expect(await readdir(join(folder, 'workspaces'))).not.toContain('zz-last');
  expect(new Set(asked).size).toBe(451);
  expect(asked.length).toBeLessThanOrEqual(600);
});

it('looks through them once at a time', async () => {
  await old('slow');
  let reply: (value: unknown) => void = () => undefined;
  answer = () => new Promise((resolve) => (reply = resolve));
  const both = [sweep(), sweep()];
  while (asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
  reply({ finishedAt: null });
  await Promise.all(both);
  expect(asked).toEqual(['slow']);
});
