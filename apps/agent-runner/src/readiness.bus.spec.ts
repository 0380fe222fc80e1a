import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TestRunner } from './runner.fixture.js';

jest.setTimeout(60_000);

let home: string;
let runner: TestRunner;

/** Writes down whether a session's folder was there while it was waited for; not ready while there is a file `left`. */
const plugin = () => `
  import { existsSync, writeFileSync } from 'node:fs';
  const home = ${JSON.stringify(home)};
  const anything = { safeParse: (data) => ({ success: true, data }) };
  const executor = {
    input: anything,
    ready: async () => {
      if (existsSync(home + '/left')) throw new Error('something is left');
      writeFileSync(home + '/seen', String(existsSync(home + '/workspaces/ready')));
    },
    run: async () => ({ kind: 'completed', result: {} }),
  };
  export default { name: 'slow', apiVersion: 1, config: anything, capabilities: { executor: () => executor },
    [Symbol.for('purser.plugin')]: true };`;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'purser-ready-'));
  await chmod(home, 0o755);
  await mkdir(join(home, 'config'));
  await writeFile(join(home, 'config', 'slow.mjs'), plugin());
  await writeFile(join(home, 'config', 'plugins.json'), JSON.stringify({ plugins: [{ use: './slow.mjs' }] }));
  runner = await TestRunner.start({ PURSER_HOME: home, PURSER_CONFIG_DIR: join(home, 'config') });
});

afterAll(async () => {
  await runner?.stop();
  await rm(home, { recursive: true, force: true });
});

it('touches no folder of a session before its executor is ready', async () => {
  await runner.others.submit({ taskId: 'ready', executor: 'slow', input: {} });
  expect((await runner.finishOf('ready')).outcome).toMatchObject({ kind: 'completed' });
  expect(await readFile(join(home, 'seen'), 'utf8')).toBe('false');
  expect(await readdir(join(home, 'workspaces'))).toContain('ready');
});

it('gives a session back whose executor is not ready', async () => {
  await writeFile(join(home, 'left'), '');
  await runner.others.submit({ taskId: 'unready', executor: 'slow', input: {} });
  expect((await runner.finishOf('unready')).outcome).toEqual({ kind: 'released', reason: 'something is left' });
  expect(await readdir(join(home, 'workspaces'))).not.toContain('unready');
});
