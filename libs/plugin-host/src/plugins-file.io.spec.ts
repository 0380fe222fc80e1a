import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { loadPlugins, pluginContexts, readPluginEntries } from './index.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const contextFor = pluginContexts({
  env: {},
  logger: { child: () => quiet },
  signal: new AbortController().signal,
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'purser-plugins-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const put = async (path: string, text: string) => {
  await mkdir(dirname(join(folder, path)), { recursive: true });
  await writeFile(join(folder, path), text);
};

/** As an outside author's bundle is: with its own copy of everything, known by its brand alone. */
const foreign = (name: string) => `
  const config = { safeParse: (data) => ({ success: true, data }) };
  const provider = { check() {}, chat() {}, streamChat() {}, cancelledCallsBill: 'full' };
  export default { name: '${name}', apiVersion: 1, config, capabilities: { modelProvider: () => provider },
    [Symbol.for('purser.plugin')]: true };`;

async function load() {
  const { entries, resolveFrom } = await readPluginEntries(join(folder, 'plugins.json'), [{ use: '@purser/openai' }]);
  const { loaded, failed } = await loadPlugins({ entries, resolveFrom, capability: 'modelProvider', contextFor });
  return { names: loaded.map(({ name }) => name), failed };
}

it('takes the standard list when there is no file', async () => {
  expect(await load()).toEqual({ names: ['openai'], failed: [] });
});

it('loads built-ins, files beside the configuration, and packages installed there', async () => {
  await put('mine.mjs', foreign('mine'));
  await put('node_modules/@someone/theirs/package.json', '{"type": "module", "exports": {"import": "./theirs.js"}}');
  await put('node_modules/@someone/theirs/theirs.js', foreign('theirs'));
  const plugins = [
    { use: '@purser/openai', name: 'router', config: { baseUrl: 'https://router.example/v1' } },
    { use: '@purser/huggingface' },
    { use: '@purser/google-speech' },
    { use: '@purser/ollama' },
    { use: './mine.mjs' },
    { use: join(folder, 'mine.mjs'), name: 'again' },
    { use: '@someone/theirs' },
  ];
  await put('plugins.json', JSON.stringify({ $schema: './plugins.schema.json', plugins }));
  expect(await load()).toEqual({
    names: ['router', 'huggingface', 'google-speech', 'ollama', 'mine', 'again', 'theirs'],
    failed: [],
  });
});

it('says for each what is wrong', async () => {
  await put('broken.mjs', 'import "not-installed-anywhere";');
  await put('throws.mjs', 'throw new Error("at load");');
  const uses = ['./absent.mjs', 'absent-package', '@purser/absent', './broken.mjs', './throws.mjs'];
  await put('plugins.json', JSON.stringify({ plugins: uses.map((use) => ({ use })) }));
  const { names, failed } = await load();
  expect(names).toEqual([]);
  expect(failed.map(({ use, reason }) => [use, reason.split('\n')[0]])).toEqual([
    ['./absent.mjs', `there is no file ${join(folder, 'absent.mjs')}`],
    [
      'absent-package',
      `there is no package "absent-package"; install it with "npm install absent-package" in ${folder}`,
    ],
    ['@purser/absent', expect.stringContaining('there is no package "@purser/absent"')],
    ['./broken.mjs', expect.stringContaining("Cannot find package 'not-installed-anywhere'")],
    ['./throws.mjs', 'at load'],
  ]);
});

it.each([
  ['{', 'is not JSON'],
  ['{"plugins": [{"name": "x"}]}', 'plugins.0.use'],
  ['{"plugins": [{"use": "x", "name": "a.b"}]}', 'plugins.0.name: letters, digits, "-" or "_"'],
  ['{"plugins": [{"use": "x", "settings": {}}]}', 'Unrecognized key: "settings"'],
])('refuses the file %s', async (text, message) => {
  await put('plugins.json', text);
  await expect(load()).rejects.toMatchObject({
    code: 'invalid_request',
    message: expect.stringContaining(message) as string,
  });
});

it('works the same in Node without a test runner', async () => {
  await put('mine.mjs', foreign('mine'));
  const plugins = [{ use: './mine.mjs' }, { use: '@purser/openai' }, { use: 'absent-package' }];
  await put('plugins.json', JSON.stringify({ plugins }));
  const program = `
    import { loadPlugins, pluginContexts, readPluginEntries } from '@purser/plugin-host';
    const read = await readPluginEntries(process.argv[1], []);
    const contextFor = pluginContexts({ env: {}, logger: { child: () => console }, signal: new AbortController().signal });
    const { loaded, failed } = await loadPlugins({ ...read, capability: 'modelProvider', contextFor });
    console.log(JSON.stringify([loaded.map(({ name }) => name), failed.map(({ use }) => use)]));`;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', program, join(folder, 'plugins.json')],
    { timeout: 20_000 },
  );
  expect(JSON.parse(stdout)).toEqual([['mine', 'openai'], ['absent-package']]);
  expect(stderr).toBe('');
});
