import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bus } from '@purser/bus';
import { keysCreate, keysRevoke, modelsList, type ReplyOf, type RequestInput } from '@purser/contracts';
import type { PluginEntryInput } from '@purser/plugin-host';
import { adminKeyFile, type RunningService } from '@purser/service';
// Test code that several specs share; the build leaves it out.
import {
  createTestDatabase,
  eventually,
  type ModelServer,
  type ModelServerOptions,
  startModelServer,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@purser/testing';
import OpenAI from 'openai';
import { FakeWatchdog } from './fake-watchdog.fixture.js';
import { start } from './index.js';

export const PAID = 'demo-paid';
export const FREE = 'demo-free';

/** $1 per million input tokens, $10 per million output tokens. */
export const MODELS = {
  code_generation: {
    tier_1_paid: {
      provider: 'openai',
      model: PAID,
      price: { inputPerMillionUsd: '1', cachedPerMillionUsd: '0.1', outputPerMillionUsd: '10' },
      maxOutputTokens: 4_096,
    },
    tier_3_free: { provider: 'ollama', model: FREE, quality: 'fair' },
  },
  paid_only: {
    tier_1_paid: { provider: 'openai', model: PAID, cost_per_1k_tokens: 0.01, maxOutputTokens: 4_096 },
  },
  with_missing: {
    tier_1_paid: { provider: 'openai', model: 'demo-missing', cost_per_1k_tokens: 0.01 },
    tier_2_free: { provider: 'ollama', model: FREE },
  },
  unpriced: { tier_1_paid: { provider: 'openai', model: 'demo-unpriced' } },
};

/** A gateway on a real bus and database, with a model server behind both providers and a small watchdog of the spec's own. */
export interface World {
  nats: TestNats;
  database: TestDatabase;
  /** As the command line and the control API use it. */
  bus: Bus;
  models: ModelServer;
  watchdog: FakeWatchdog;
  gateway: RunningService;
  home: string;
  env: Record<string, string>;
  adminKey: string;
  client(key?: string): OpenAI;
  createKey(request: Omit<RequestInput<typeof keysCreate>, 'name'>): Promise<string>;
  ladders(): Promise<ReplyOf<typeof modelsList>>;
  revokeKey(id: string): Promise<unknown>;
  /** Plain HTTP, for what the official client hides. */
  post(body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Stops the gateway, does what is to happen meanwhile, and starts it again. */
  restart(meanwhile?: () => Promise<void> | void): Promise<void>;
  close(): Promise<void>;
}

export interface WorldOptions {
  env?: Record<string, string>;
  cancelledCallsBill?: 'delivered' | 'full';
  /** Of that plugin's entry. By default a call asks it once. */
  policy?: Pick<PluginEntryInput, 'limits' | 'retry'>;
  /** Besides the others. */
  moreLadders?: object;
  /** Further models of the model server, and what they cost there. */
  served?: ModelServerOptions['models'];
  /** Instead of the usual ladders. */
  ladders?: object;
  /** More configuration of OpenAI's plugin. */
  openai?: object;
  /** Besides OpenAI's and Ollama's. */
  plugins?: (models: ModelServer) => object[];
}

export async function openWorld({
  env = {},
  cancelledCallsBill = 'full',
  policy = { retry: { attempts: 1 } },
  moreLadders = {},
  served = {},
  ladders = MODELS,
  openai = {},
  plugins = () => [],
}: WorldOptions = {}): Promise<World> {
  const [nats, database, models, home] = await Promise.all([
    startTestNats(),
    createTestDatabase(),
    startModelServer({
      models: {
        [PAID]: { inputPerMillionUsd: '1', cachedPerMillionUsd: '0.1', outputPerMillionUsd: '10' },
        [FREE]: { inputPerMillionUsd: '0', outputPerMillionUsd: '0' },
        ...served,
      },
      cancelledCallsBill,
    }),
    mkdtemp(join(tmpdir(), 'purser-gateway-')),
  ]);
  const bus = await Bus.connect({ url: nats.url, service: 'cli', instance: 'spec' });
  await bus.ensureStreams();
  const watchdog = new FakeWatchdog(bus);
  await watchdog.start();
  await writeFile(join(home, 'models.json'), JSON.stringify({ ...ladders, ...moreLadders }));
  await writeFile(
    join(home, 'plugins.json'),
    JSON.stringify({
      plugins: [
        { use: '@purser/openai', config: { cancelledCallsBill, ...openai }, ...policy },
        { use: '@purser/ollama' },
        ...plugins(models),
      ],
    }),
  );
  const full = {
    PURSER_NATS_URL: nats.url,
    PURSER_DATABASE_URL: database.url,
    PURSER_HOME: home,
    PURSER_CONFIG_DIR: home,
    PURSER_GATEWAY_PORT: '0',
    PURSER_LOG_LEVEL: 'silent',
    OPENAI_BASE_URL: models.openaiBaseUrl,
    OPENAI_API_KEY: 'sk-demo',
    OLLAMA_HOST: models.url,
    ...env,
  };
  const begin = async () => {
    const gateway = await start(full);
    await eventually(() => watchdog.beat().then(() => watchdog.mustHaveRead()));
    return gateway;
  };
  const gateway = await begin();
  const adminKey = (await readFile(adminKeyFile(home), 'utf8')).trim();
  const world: World = {
    nats,
    database,
    bus,
    models,
    watchdog,
    gateway,
    home,
    env: full,
    adminKey,
    client: (key = world.adminKey) => new OpenAI({ apiKey: key, baseURL: `${world.gateway.url}/v1`, maxRetries: 0 }),
    createKey: async (request) => {
      const { secret } = await bus.call(keysCreate, { name: 'spec', ...request });
      return secret ?? '';
    },
    ladders: () => bus.call(modelsList, {}),
    revokeKey: (id) => bus.call(keysRevoke, { id }),
    post: (body, headers = {}) =>
      fetch(`${world.gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${world.adminKey}`, ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    restart: async (meanwhile) => {
      await world.gateway.close();
      await meanwhile?.();
      world.gateway = await begin();
    },
    close: async () => {
      await world.gateway.close();
      await watchdog.stop();
      await bus.close();
      await Promise.all([models.stop(), nats.stop(), database.drop(), rm(home, { recursive: true, force: true })]);
    },
  };
  return world;
}

export const hello = (model: string) => ({ model, messages: [{ role: 'user' as const, content: 'Hello' }] });
