import { definePlugin, type PluginDefinition, type PluginLogger } from '@purser/plugin-sdk';
import { z } from 'zod';
import { loadPlugins, pluginContexts, PluginEntry, type PluginEntryInput } from './index.js';

const quiet: PluginLogger = { debug() {}, info() {}, warn() {}, error() {} };
const children: unknown[] = [];
const logger = {
  child: (bindings: Record<string, unknown>) => {
    children.push(bindings);
    return quiet;
  },
};
const env: Record<string, string | undefined> = { SECRET_OF_A: 'a', EMPTY: '' };
const contextFor = pluginContexts({ env, logger, signal: new AbortController().signal });

const provider = { check: jest.fn(), chat: jest.fn(), streamChat: jest.fn(), cancelledCallsBill: 'full' as const };
const Config = z.strictObject({ url: z.url({ error: 'a URL' }).optional() });
const define = (more: Partial<PluginDefinition<typeof Config>> = {}) =>
  definePlugin({ name: 'a', apiVersion: 1, config: Config, capabilities: { modelProvider: () => provider }, ...more });

async function load(modules: Record<string, unknown>, entries: PluginEntryInput[], timeoutMs?: number) {
  const { loaded, failed } = await loadPlugins({
    entries: entries.map((entry) => PluginEntry.parse(entry)),
    resolveFrom: '/nowhere',
    capability: 'modelProvider',
    contextFor,
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    importModule: (use) => Promise.resolve(modules[use]),
  });
  return { names: loaded.map(({ name }) => name), loaded, failed };
}

it('makes an instance per entry, each with its own name, configuration and context', async () => {
  const made: unknown[] = [];
  const plugin = define({
    capabilities: {
      modelProvider: (context, config) => {
        made.push([config, context.secret('SECRET_OF_A'), context.secret('EMPTY'), context.secret('NONE')]);
        return provider;
      },
    },
  });
  children.length = 0;
  const { names, failed } = await load({ a: { default: plugin } }, [
    { use: 'a' },
    { use: 'a', name: 'other', config: { url: 'http://127.0.0.1:1' } },
  ]);
  expect([names, failed]).toEqual([['a', 'other'], []]);
  expect(made).toEqual([
    [{}, 'a', undefined, undefined],
    [{ url: 'http://127.0.0.1:1' }, 'a', undefined, undefined],
  ]);
  expect(children).toEqual([{ plugin: 'a' }, { plugin: 'other' }]);
});

it('reads a secret when it is asked for', () => {
  const context = contextFor('a');
  env.ROTATED = 'old';
  expect(context.secret('ROTATED')).toBe('old');
  env.ROTATED = 'new';
  expect(context.secret('ROTATED')).toBe('new');
});

it('tells which secrets were handed out, but not where servers are', () => {
  const hidden: string[] = [];
  const { signal } = new AbortController();
  const values = {
    A_KEY: 'k',
    OLLAMA_HOST: '127.0.0.1:11434',
    OPENAI_BASE_URL: 'http://x',
    SMTP_SERVER: 'smtp.example.org',
    // Whoever knows this one may post there.
    SLACK_WEBHOOK_URL: 'https://hooks.example/T0/B0/x',
  };
  const context = pluginContexts({ env: values, logger, signal, hide: (secret) => void hidden.push(secret) })('a');
  for (const variable of [...Object.keys(values), 'NONE']) context.secret(variable);
  expect(hidden).toEqual(['k', 'https://hooks.example/T0/B0/x']);
});

it('passes over what has other capabilities', async () => {
  const executor = { input: z.object({}), run: jest.fn() };
  const plugin = define({ name: 'runs', capabilities: { executor: () => executor } });
  expect(await load({ runs: { default: plugin } }, [{ use: 'runs', config: { not: 'checked' } }])).toMatchObject({
    names: [],
    failed: [],
  });
});

it.each([
  ['no plugin', { default: {} }, {}, 'its default export is not a plugin'],
  ['nothing', undefined, {}, 'its default export is not a plugin'],
  ['another API', { default: define({ apiVersion: 2 as never }) }, {}, 'version 2 of the plugin API'],
  ['a bad name', { default: define({ name: 'a.b' }) }, {}, 'its name "a.b" is not made of'],
  ['no schema', { default: define({ config: undefined as never }) }, {}, 'lacks a zod schema'],
  ['a wrong setting', { default: define() }, { config: { url: 'x' } }, 'its config: url: a URL'],
  ['an unknown setting', { default: define() }, { config: { uri: 'x' } }, 'its config: uri: Unrecognized key: "uri"'],
  [
    'a factory that throws',
    {
      default: define({
        capabilities: {
          modelProvider: () => {
            throw new TypeError('no such thing');
          },
        },
      }),
    },
    {},
    'no such thing',
  ],
  [
    'half an instance',
    { default: define({ capabilities: { modelProvider: () => ({ check: jest.fn() }) as never } }) },
    {},
    'its modelProvider lacks chat(), streamChat()',
  ],
  [
    'an instance that chats whole answers alone',
    { default: define({ capabilities: { modelProvider: () => ({ check: jest.fn(), chat: jest.fn() }) as never } }) },
    {},
    'its modelProvider lacks streamChat()',
  ],
  ['a taken name', { default: define() }, { name: 'good' }, 'the name "good" is taken by good'],
])('reports %s and loads the others', async (_what, module, entry, reason) => {
  const { names, failed } = await load({ good: { default: define({ name: 'good' }) }, bad: module }, [
    { use: 'good' },
    { use: 'bad', ...entry },
    { use: 'good', name: 'after' },
  ]);
  expect(names).toEqual(['good', 'after']);
  expect(failed).toMatchObject([{ use: 'bad', reason: expect.stringContaining(reason) as string }]);
});

it('does not wait for ever', async () => {
  const { failed } = await loadPlugins({
    entries: [PluginEntry.parse({ use: 'slow' })],
    resolveFrom: '/nowhere',
    capability: 'executor',
    contextFor,
    timeoutMs: 20,
    importModule: () => new Promise(() => undefined),
  });
  expect(failed).toEqual([{ name: undefined, use: 'slow', reason: 'it did not load within 0.02 s' }]);
});

it('finds a plugin that a CommonJS loader has wrapped', async () => {
  expect((await load({ a: { default: { default: define() } } }, [{ use: 'a' }])).names).toEqual(['a']);
});
