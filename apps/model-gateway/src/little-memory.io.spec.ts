import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

interface Told {
  pid: number;
  execArgv: string[];
  arguments: string[];
  arenas: string | undefined;
}

let folder: string;
let main: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-memory-'));
  main = join(folder, 'main.mjs');
  const source = pathToFileURL(join(__dirname, 'little-memory.ts')).href;
  await writeFile(
    main,
    `import { inLittleMemory } from ${JSON.stringify(source)};
     const { pid, execArgv, argv, env } = process;
     const tell = () => console.log(JSON.stringify({ pid, execArgv, arguments: argv.slice(2), arenas: env.MALLOC_ARENA_MAX }));
     tell();
     inLittleMemory();
     tell();`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(flags: string[], env: Record<string, string> = {}): Promise<Told[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, main, 'first', '-x'], {
    env: { PATH: process.env.PATH, ...env },
  });
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Told);
}

it('goes on as the same process, with its arguments and flags, and settings that keep it small', async () => {
  const [before, ...after] = await run(['--no-deprecation']);
  expect(before).toMatchObject({ execArgv: ['--no-deprecation'], arguments: ['first', '-x'] });
  const same = { ...before, execArgv: ['--max-semi-space-size=8', '--no-deprecation'], arenas: '1' };
  // Begun anew, it goes past the call.
  expect(after).toEqual([same, same]);
});

it.each([
  ['a flag', ['--max-semi-space-size=16'], {}],
  ['NODE_OPTIONS', [], { NODE_OPTIONS: '--max-semi-space-size=16' }],
])('leaves a process alone whose semi-space is set by %s', async (_, flags, env) => {
  const [before, ...after] = await run(flags, env);
  expect(after).toEqual([before]);
  expect(before).toMatchObject({ execArgv: flags });
});

it('leaves a number of arenas that is set as it is', async () => {
  expect((await run([], { MALLOC_ARENA_MAX: '3' })).at(-1)).toMatchObject({ arenas: '3' });
});
