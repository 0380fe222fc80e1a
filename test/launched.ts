import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type ModelServerProcess, spawnModelServer } from '@purser/testing';
import { freePort } from './system.js';

const PORTS = [
  'PURSER_GATEWAY_PORT',
  'PURSER_API_PORT',
  'PURSER_NATS_PORT',
  'PURSER_POSTGRES_PORT',
  'PURSER_WATCHDOG_PORT',
  'PURSER_RUNNER_PORT',
  'PURSER_OFFLOAD_PORT',
] as const;

export interface Launched {
  ports: Record<(typeof PORTS)[number], string>;
  env: NodeJS.ProcessEnv;
  home: string;
  gatewayUrl: string;
  apiUrl: string;
  natsUrl: string;
  adminKey: string;
  pid: number;
  /** All that it printed. */
  printed: string[];
  stop(): Promise<void>;
}

/** What `npm start` runs, in a folder of its own and on free ports, with a model server as its provider. */
export async function launchPurser(): Promise<Launched> {
  const folder = await mkdtemp(join(tmpdir(), 'purser-up-'));
  const home = join(folder, 'home');
  const config = join(folder, 'config');
  await mkdir(config);
  const price = { inputPerMillionUsd: '10', outputPerMillionUsd: '30' };
  await writeFile(
    join(config, 'models.json'),
    JSON.stringify({
      code_generation: { tier_1_paid: { provider: 'openai', model: 'demo-large', price, maxOutputTokens: 4096 } },
    }),
  );
  await writeFile(
    join(config, 'budgets.json'),
    JSON.stringify({ budgets: [{ id: 'monthly', period: 'month', limitUsd: '20' }] }),
  );
  const models = await spawnModelServer({ models: { 'demo-large': price } });
  const ports = Object.fromEntries(
    await Promise.all(PORTS.map(async (name) => [name, String(await freePort())])),
  ) as Launched['ports'];
  const env = {
    ...process.env,
    ...ports,
    PURSER_HOME: home,
    PURSER_CONFIG_DIR: config,
    OPENAI_BASE_URL: models.openaiBaseUrl,
    OPENAI_API_KEY: 'test',
  };
  const child = spawn(process.execPath, ['apps/cli/bin/purser.mjs', 'up'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const printed: string[] = [];
  const stop = () => stopAll(child, models, folder);
  try {
    await ready(child, printed);
    const read = async (file: string) => (await readFile(join(home, file), 'utf8')).trim();
    return {
      ports,
      env,
      home,
      gatewayUrl: `http://127.0.0.1:${ports.PURSER_GATEWAY_PORT}`,
      apiUrl: `http://127.0.0.1:${ports.PURSER_API_PORT}`,
      natsUrl: await read('nats.url'),
      adminKey: await read('admin.key'),
      pid: child.pid ?? 0,
      printed,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ready(child: ChildProcess, printed: string[]): Promise<void> {
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
    Promise.reject(new Error(`it did not start:\n${printed.join('\n')}`)),
  );
  await Promise.race([isReady, ended]);
  ended.catch(() => undefined);
}

async function stopAll(child: ChildProcess, models: ModelServerProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const last = setTimeout(() => child.kill('SIGKILL'), 40_000);
    await gone;
    clearTimeout(last);
  }
  await models.stop();
  await rm(folder, { recursive: true, force: true });
}
