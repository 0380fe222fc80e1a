import { execFile } from 'node:child_process';
import { chmod, copyFile, mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually, type OwnPostgres, startOwnPostgres } from '@purser/testing';
import { System, type TaskSeen } from './system.js';

jest.setTimeout(240_000);

const FILES = 2_500;
const MAX_BYTES = 100_000;

/** Files of the packages installed here, under flat names in a folder that agents may read. */
async function realFiles(into: string): Promise<void> {
  await mkdir(into);
  let count = 0;
  const take = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (count === FILES) return;
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !entry.name.startsWith('.')) await take(path);
      if (!entry.isFile() || !/\.(?:js|mjs|cjs|ts|json)$/.test(entry.name)) continue;
      if (/tsconfig.*\.json$/.test(entry.name) || (await stat(path)).size > MAX_BYTES) continue; // JSON with comments
      const name = join(into, `${String(count).padStart(5, '0')}-${entry.name}`);
      await copyFile(path, name);
      await chmod(name, 0o644);
      count += 1;
    }
  };
  await take('node_modules');
  expect(count).toBe(FILES);
}

/** A job that no session could finish: its runner and its orchestrator die, its time runs out, again and again. */
describe('a perpetual job over real files', () => {
  let postgres: OwnPostgres;
  let system: System;
  let program: string[];

  beforeAll(async () => {
    postgres = await startOwnPostgres({ durable: true });
    system = await System.start({ databaseUrl: postgres.url });
    const items = join(system.folder, 'items');
    await realFiles(items);
    const script = join(system.folder, 'parse-files.mjs');
    await copyFile(join(import.meta.dirname, 'faults', 'parse-files.mjs'), script);
    program = ['node', script, items];
  });

  afterAll(async () => {
    await system?.stop();
    await postgres?.remove();
  });

  it('ends with what an uninterrupted run finds, over at least five sessions', async () => {
    const [node = '', ...args] = program;
    const { stdout } = await promisify(execFile)(node, args);
    const uninterrupted = JSON.parse(stdout) as { next: number };
    expect(uninterrupted.next).toBe(FILES);

    const task = { id: 'perpetual', executor: 'command', limits: { seconds: 4 }, input: { argv: [...program, '6'] } };
    expect((await system.api('POST', '/v1/tasks', task)).status).toBe(201);
    const inEpoch = (epoch: number) =>
      eventually(
        async () => {
          const { body } = await system.api<TaskSeen>('GET', '/v1/tasks/perpetual');
          if (body.epoch < epoch || body.state !== 'running') throw new Error(`${body.state} in epoch ${body.epoch}`);
        },
        { timeoutMs: 60_000, everyMs: 100 },
      );
    await inEpoch(2);
    await system.instance('agent-runner').kill();
    await system.instance('agent-runner').start();
    await inEpoch(4);
    await system.instance('orchestrator').kill();
    await system.instance('orchestrator').start();

    const done = await system.taskIn('perpetual', 'completed', 120_000);
    expect(done.result).toEqual(uninterrupted);
    expect(done.sessions.length).toBeGreaterThanOrEqual(5);
    const outcomes = done.sessions.map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'completed')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'continued').length).toBeGreaterThanOrEqual(3);
    expect(outcomes).toContain('lost');
  });
});
