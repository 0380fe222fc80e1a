import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { npmOptionsOf } from './npm-options.js';
import { run } from '../program.js';
import { recordedTerminal } from '../testing/recorded-terminal.fixture.js';
import { asTyped } from './invocation.js';

jest.setTimeout(60_000);

describe('options that npm keeps to itself', () => {
  let folder: string;
  let manifest: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'purser-npm-'));
    manifest = join(folder, 'package.json');
    // Says what the script of a clone gets to see of the command line that a person typed.
    const script = `node -e "console.log(JSON.stringify({ env: process.env, argv: process.argv.slice(1) }))" --`;
    await writeFile(manifest, JSON.stringify({ name: 'clone', version: '1.0.0', scripts: { purser: script } }));
  });

  afterEach(() => rm(folder, { recursive: true }));

  async function typed(...words: string[]): Promise<{ code: number; err: string }> {
    const { PATH = '', HOME = '' } = process.env;
    const npm = spawn('npm', ['run', '--silent', 'purser', ...words], { cwd: folder, env: { PATH, HOME } });
    let out = '';
    npm.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    await once(npm, 'close');
    const seen = JSON.parse(out) as { env: Record<string, string>; argv: string[] };
    const circumstances = { env: seen.env, script: join(folder, 'purser.mjs') };
    const terminal = recordedTerminal({
      env: { PURSER_API_URL: 'ftp://x' },
      npmOptions: npmOptionsOf(circumstances),
      typed: (text) => asTyped(text, { program: 'npm run --silent purser', throughNpm: true }),
    });
    return { code: await run(seen.argv, terminal), err: terminal.printed.err };
  }

  it.each([
    [['--budget=1.50', 'echo', 'hi'], '--budget 1.50 ...'],
    [['--tokens=5', '--', '--', 'echo', 'hi'], '--tokens 5 ...'],
    [['--max-sessions=3', '--wait', 'echo', 'hi'], '--max-sessions 3 --wait ...'],
    [['--id', 'x', '--budget', '1.50', '--', 'echo', 'hi'], '--id <id> --budget <usd> ...'],
    [['--json', '--', '--', 'echo', 'hi'], '--json ...'],
  ])('%j are refused before anything is done, and the right line is shown', async (words, right) => {
    const { code, err } = await typed('task', 'submit', ...words);
    expect(code).toBe(2);
    expect(err).toMatch(/^npm took --/);
    const options = err.split('npm run --silent purser task submit -- ')[1]?.trim() ?? '';
    expect(options.split(/ (?=--|\.\.\.)/).sort()).toEqual(right.split(/ (?=--|\.\.\.)/).sort());
  });

  it('are none when they stand after the --, and what npm has from its own files is not ours', async () => {
    await writeFile(join(folder, '.npmrc'), 'json=true\nfund=false\n');
    const { code, err } = await typed('task', 'submit', '--', '--budget', '1.50', '--', 'echo', 'hi');
    expect([code, err]).toEqual([2, expect.stringContaining('PURSER_API_URL is not valid')]);
  });

  it('are not looked for when a script of another package runs us', () => {
    const env = { npm_lifecycle_event: 'x', npm_package_json: '/other/package.json', npm_config_id: '1' };
    expect(npmOptionsOf({ env, script: join(folder, 'purser.mjs') }).size).toBe(0);
  });
});

it('a hint names the help in the form that npm lets through', async () => {
  const terminal = recordedTerminal({
    typed: (text) => asTyped(text, { program: 'npm run --silent purser', throughNpm: true }),
  });
  expect(await run(['budget', 'set', 'x', '--colour'], terminal)).toBe(2);
  expect(terminal.printed.err).toContain('`npm run --silent purser budget set -- --help` shows');
  expect(await run(['budget', 'set', '--help'], terminal)).toBe(0);
  expect(terminal.printed.out).toContain('Usage: npm run --silent purser budget set -- [options] <id>');
});
