import { copyFile, mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Profile } from '@purser/contracts';
import { Database } from '@purser/database';
import { Latch } from '@purser/service';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { Components } from '../components/components.service.js';
import { DockerComponents } from '../components/docker-components.js';
import { Config } from '../config.js';
import { Memory } from '../memory/memory.service.js';
import { DATABASE_OPTIONS, OFFLOAD_TEMPLATE, QUIET } from '../offload.fixture.js';
import { Imports } from './imports.service.js';
import { whyNotIsolated } from './isolation.js';
import { ProfileCache } from './profile-cache.js';
import { Profiler } from './profiler.service.js';
import { ProfilesRepository } from './profiles.repository.js';

let folder: string;
let test: TestDatabase;
let database: Database;
let now = new Date('2026-11-29T10:00:00Z');
const clock = { now: () => now, monotonic: () => performance.now() };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-profiles-'));
  test = await createTestDatabase({ template: OFFLOAD_TEMPLATE });
  database = await Database.connect({ ...DATABASE_OPTIONS, url: test.url });
  now = new Date('2026-11-29T10:00:00Z');
});
afterEach(async () => {
  await database.close();
  await Promise.all([test.drop(), rm(folder, { recursive: true })]);
});

async function put(files: Record<string, string>): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
}

/** As a start of the service does it: everything is looked for, and profiled. */
async function profiled(settings: Record<string, string> = {}, anew = false) {
  const config = Config.parse({
    PURSER_NATS_URL: 'nats://127.0.0.1:1',
    PURSER_DATABASE_URL: test.url,
    PURSER_CONFIG_DIR: folder,
    PURSER_COMPONENT_FOLDERS: join(folder, 'src'),
    PURSER_PROFILE_IMPORTS: 'never',
    DOCKER_HOST: 'tcp://127.0.0.1:1',
    CRITICAL_RAM_THRESHOLD_GB: '0',
    ...settings,
  });
  const docker = new DockerComponents(config.DOCKER_HOST);
  const components = new Components(config, docker, { definitions: () => Promise.resolve([]) });
  const cache = new ProfileCache(new ProfilesRepository(database), clock, config);
  const imports = new Imports(config, new Memory(config, clock), new Latch(clock));
  const profiler = new Profiler(config, cache, docker, imports, clock, QUIET);
  await components.discover();
  const first = profiler.refresh(components.list(), anew);
  await Promise.resolve();
  const later = Array.from({ length: 50 }, () => profiler.refresh(components.list()));
  // However often it is asked for meanwhile, there is one round more.
  expect(new Set(later).size).toBe(1);
  await Promise.all([first, ...later]);
  await profiler.stop();
  const known: Record<string, Profile | undefined> = {};
  for (const { name } of components.list()) known[name] = profiler.of(name);
  return known;
}

/** With no interpreter to be found, whatever is known was known before. */
const NO_READER = { PURSER_PROFILE_PYTHON: join(tmpdir(), 'no-python-here') };

it('reads sources without running them: heavy imports, classes, and programs', async () => {
  await put({
    'src/model.py': `import torch.nn as nn\nfrom transformers import AutoModel\nimport os\nclass A: pass\nclass B: pass\nraise SystemExit('it was run')`,
    'src/words.py': `TEXT = """\nimport tensorflow\nif __name__ == "__main__":\n"""\n# import torch\n`,
    'src/cli.py': 'import argparse\nimport pandas\n',
    'src/main.py': 'def go(): pass\nif __name__ == "__main__":\n  go()\n',
    'src/download_models.py': 'import os\n',
    'src/broken.py': 'def (',
    'src/tool.ts': `import { Pool } from 'pg';\nimport type { X } from 'typeorm';\nexport class C {}\n// import sharp from 'sharp'\nconst t = "require('canvas')";`,
    'src/run.mjs': `import sharp from 'sharp';\nconsole.log(process.argv[2]);`,
  });
  const all = await profiled();
  expect(all.model).toMatchObject({ evidence: 'static', classes: 2, executable: null });
  expect(all.model?.heavyImports).toEqual([
    { name: 'torch', memoryMb: 450 },
    { name: 'transformers', memoryMb: 400 },
  ]);
  expect(all.model?.memoryMb).toBeGreaterThan(850);
  expect(all.words).toMatchObject({ heavyImports: [], imports: 0, executable: null });
  expect(all.cli).toMatchObject({ executable: 'it imports argparse' });
  expect(all.main).toMatchObject({ executable: 'it has if __name__ == "__main__"' });
  expect(all.download_models?.executable).toContain('download_models.py');
  expect(all.broken?.note).toContain('SyntaxError');
  expect(all.tool).toMatchObject({ classes: 1, heavyImports: [{ name: 'pg', memoryMb: 15 }], executable: null });
  expect(all.run).toMatchObject({
    heavyImports: [{ name: 'sharp', memoryMb: 50 }],
    executable: 'it reads process.argv',
  });
});

it('leaves out programs where estimates of them are not wanted', async () => {
  await put({ 'src/cli.py': 'import argparse\n', 'src/a.py': '' });
  const all = await profiled({ ENABLE_STATIC_ANALYSIS_PROFILING: 'false' });
  expect(all.cli).toBeUndefined();
  expect(all.a).toBeDefined();
});

it('takes what is known while nothing is changed, and reads what was changed', async () => {
  await put({ 'src/a.py': 'import torch\n', 'src/b.py': 'import pandas\n' });
  const first = await profiled();
  const second = await profiled(NO_READER);
  expect(second).toEqual(first);
  await put({ 'src/a.py': 'import numpy\n' });
  expect((await profiled()).a?.heavyImports).toEqual([{ name: 'numpy', memoryMb: 40 }]);
  now = new Date(now.getTime() + 8 * 86_400_000);
  expect((await profiled(NO_READER)).b?.note).toContain('is not there to read it');
});

it('knows the same content again by another time of change, and reads anew when asked to', async () => {
  await put({ 'src/a.py': 'import torch\n' });
  const first = await profiled();
  await copyFile(join(folder, 'src/a.py'), join(folder, 'src/b'));
  await utimes(join(folder, 'src/a.py'), new Date(), new Date('2020-01-01'));
  expect((await profiled(NO_READER)).a).toEqual(first.a);
  expect((await profiled(NO_READER, true)).a?.note).toContain('is not there to read it');
});

it('takes a package whole, by what it imports when it is loaded', async () => {
  await put({
    'src/pkg/package.json': JSON.stringify({ exports: { '.': { import: './m.mjs' } }, dependencies: { sharp: '1' } }),
    'src/pkg/m.mjs': `import('pg');`,
  });
  const { pkg } = await profiled();
  expect(pkg?.heavyImports.map(({ name }) => name)).toEqual(['sharp', 'pg']);
});

describe('an import', () => {
  const fill = 'held = bytearray(120 * 1024 * 1024)\nfor at in range(0, len(held), 4096): held[at] = 1\n';

  it('is measured in a process without a network or secrets, and of programs never made', async () => {
    // Where namespaces are not allowed nothing is imported, which the next specs show; nothing to see here then.
    const hindrance = await whyNotIsolated();
    process.env.PURSER_SPEC_SECRET = 'secret';
    await put({
      'src/heavy.py': `import os\n${fill}assert 'PURSER_SPEC_SECRET' not in os.environ`,
      'src/online.py': `import socket\nsocket.create_connection(('127.0.0.1', 9), 1)`,
      'src/program.py': `open('${join(folder, 'was-run')}', 'w')\nif __name__ == '__main__': pass`,
      'src/tool.mjs': 'export const held = Buffer.alloc(80 * 1024 * 1024, 1);',
    });
    const all = await profiled({ PURSER_PROFILE_IMPORTS: 'isolated' });
    delete process.env.PURSER_SPEC_SECRET;
    expect(all.program).toMatchObject({ evidence: 'static', note: null });
    if (hindrance !== undefined) {
      expect(all.heavy?.note).toContain('cannot be sealed off');
      return;
    }
    expect(all.heavy).toMatchObject({ evidence: 'measured', note: null });
    expect(all.heavy?.memoryMb).toBeGreaterThan(110);
    expect(all.tool).toMatchObject({ evidence: 'measured' });
    expect(all.tool?.memoryMb).toBeGreaterThan(70);
    // Loopback is down as well: not even "refused" comes back.
    expect(all.online?.note).toContain('Network is unreachable');
  });

  it('writes nowhere, reaches no socket, sees no other process, and is not made of what could not be read', async () => {
    if ((await whyNotIsolated()) !== undefined) return;
    await put({ 'home/secret': 'x' });
    const home = join(folder, 'home');
    const tries = (what: string) => `import os, subprocess\n${what}\nraise SystemExit('it could')`;
    await put({
      'src/writes.py': tries(`open('${join(folder, 'written')}', 'w')`),
      'src/remounts.py': tries(`subprocess.run(['mount', '-o', 'remount,bind,rw', '/'], check=True)`),
      'src/peeks.py': tries(`assert os.listdir('${home}')`),
      'src/sockets.py': tries(`assert os.listdir('/run')`),
      'src/processes.py': tries(`open('/proc/${process.pid}/environ').read()`),
      'src/own.py': `open('own', 'w').write('x')`,
      'src/broken.py': `open('own', 'w')\ndef (`,
    });
    const all = await profiled({ PURSER_PROFILE_IMPORTS: 'isolated', PURSER_HOME: home });
    expect(all.writes?.note).toContain('Read-only file system');
    expect(all.remounts?.note).toContain('CalledProcessError');
    expect(all.peeks?.note).toContain('AssertionError');
    expect(all.sockets?.note).toContain('AssertionError');
    expect(all.processes?.note).toContain('No such file');
    expect(all.own).toMatchObject({ evidence: 'measured', note: null });
    expect(all.broken).toMatchObject({ evidence: 'static', note: expect.stringContaining('SyntaxError') as string });
    const unread = await profiled({ PURSER_PROFILE_IMPORTS: 'anywhere', ...NO_READER }, true);
    expect(unread.own?.evidence).toBe('static');
    expect(unread.own?.note).toContain('could not be read');
  });

  it('ends at its limits, and what was estimated holds', async () => {
    await put({ 'src/hangs.py': 'while True: pass', 'src/fails.py': 'raise RuntimeError("no luck")' });
    const all = await profiled({ PURSER_PROFILE_IMPORTS: 'anywhere', PURSER_PROFILE_TIMEOUT_SECONDS: '1' });
    expect(all.hangs).toMatchObject({ evidence: 'static', note: 'not measured: its import took longer than 1 s' });
    expect(all.fails).toMatchObject({ evidence: 'static', note: 'not measured: RuntimeError: no luck' });
  });
});
