import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ModelServer, startModelServer } from '@purser/testing';

/** The demo's price list, in dollars per million tokens. */
export const PRICES = {
  'demo-large': { inputPerMillionUsd: '10', outputPerMillionUsd: '30' },
  'demo-giant': { inputPerMillionUsd: '100', outputPerMillionUsd: '600' },
  'demo-small': { inputPerMillionUsd: '0', outputPerMillionUsd: '0' },
};

const MODELS = {
  code_generation: {
    tier_1_paid: {
      provider: 'openai',
      model: 'demo-large',
      price: PRICES['demo-large'],
      maxOutputTokens: 4096,
      quality: 'demo',
    },
    tier_3_free: { provider: 'openai', model: 'demo-small', cost_per_1k_tokens: 0, quality: 'demo' },
  },
  deep_thought: {
    tier_1_paid: {
      provider: 'openai',
      model: 'demo-giant',
      price: PRICES['demo-giant'],
      maxOutputTokens: 4096,
      quality: 'demo',
    },
  },
};

const BUDGETS = {
  budgets: [
    { id: 'monthly', period: 'month', limitUsd: '10' },
    { id: 'demo-project', scope: { project: 'demo' }, period: 'day', limitUsd: '0.05' },
  ],
  spikeRules: [{ percent: 20, windowMinutes: 60, minUsd: '1' }],
};

const PORTS = [
  'PURSER_GATEWAY_PORT',
  'PURSER_API_PORT',
  'PURSER_NATS_PORT',
  'PURSER_POSTGRES_PORT',
  'PURSER_WATCHDOG_PORT',
  'PURSER_RUNNER_PORT',
  'PURSER_OFFLOAD_PORT',
] as const;

export interface Stage {
  gatewayUrl: string;
  apiUrl: string;
  natsUrl: string;
  adminKey: string;
  models: ModelServer;
  close(): Promise<void>;
}

/** A whole Purser of its own, in a temporary folder and on free ports, with a model server beside it. */
export async function setStage(purserBin: string): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'purser-demo-'));
  const config = join(folder, 'config');
  const home = join(folder, 'home');
  await mkdir(config);
  await writeFile(join(config, 'models.json'), JSON.stringify(MODELS));
  await writeFile(join(config, 'budgets.json'), JSON.stringify(BUDGETS));
  const models = await startModelServer({ models: PRICES });
  const ports = Object.fromEntries(
    await Promise.all(PORTS.map(async (name) => [name, String(await freePort())] as const)),
  );
  const child = spawn(process.execPath, [purserBin, 'up'], {
    env: {
      ...process.env,
      ...ports,
      PURSER_HOME: home,
      PURSER_CONFIG_DIR: config,
      OPENAI_BASE_URL: models.openaiBaseUrl,
      OPENAI_API_KEY: 'demo',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // Ctrl-C reaches the demo alone; the demo then ends Purser in order.
  });
  const close = async () => {
    await end(child);
    await models.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await ready(child);
    return {
      gatewayUrl: `http://127.0.0.1:${ports.PURSER_GATEWAY_PORT}`,
      apiUrl: `http://127.0.0.1:${ports.PURSER_API_PORT}`,
      natsUrl: (await readFile(join(home, 'nats.url'), 'utf8')).trim(),
      adminKey: (await readFile(join(home, 'admin.key'), 'utf8')).trim(),
      models,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function ready(child: ChildProcess): Promise<void> {
  const printed: string[] = [];
  const signal = AbortSignal.timeout(60_000);
  const isReady = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        printed.push(line);
        if (line.startsWith('Purser is ready')) resolve();
      });
    }
  });
  const ended = once(child, 'exit', { signal }).then(() =>
    Promise.reject(new Error(`Purser did not start:\n${printed.slice(-20).join('\n')}`)),
  );
  await Promise.race([isReady, ended]);
  ended.catch(() => undefined);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
