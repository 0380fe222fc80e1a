import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '@purser/embedded';
import { cleanEnvironment } from './clean-environment.js';

const PORTS = [
  'PURSER_GATEWAY_PORT',
  'PURSER_API_PORT',
  'PURSER_NATS_PORT',
  'PURSER_POSTGRES_PORT',
  'PURSER_WATCHDOG_PORT',
  'PURSER_RUNNER_PORT',
  'PURSER_OFFLOAD_PORT',
] as const;

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 40_000;

export interface LaunchOptions {
  /** The `purser` command's file. */
  bin: string;
  /** The only provider, as OpenAI's. */
  openaiBaseUrl: string;
  /** Contents of models.json and budgets.json. */
  models: object;
  budgets: object;
  /** Of other configuration files, by their names. */
  files?: Readonly<Record<string, object>>;
  /** Beside what it needs to be a Purser of its own; given the ports it has. */
  env?: (ports: Launched['ports']) => Readonly<Record<string, string>>;
}

export interface Launched {
  ports: Record<(typeof PORTS)[number], string>;
  /** What it was started with: for other commands that are to find it. */
  env: NodeJS.ProcessEnv;
  home: string;
  gatewayUrl: string;
  apiUrl: string;
  /** With the credentials for other tools. */
  natsUrl: string;
  adminKey: string;
  pid: number;
  /** All lines that it printed so far. */
  printed: readonly string[];
  /** Ends it politely and removes its folder. */
  stop(): Promise<void>;
}

/** `purser up` as a process of its own, in a temporary folder and on free ports. */
export async function launchPurser({
  bin,
  openaiBaseUrl,
  models,
  budgets,
  files = {},
  env: more = () => ({}),
}: LaunchOptions): Promise<Launched> {
  const folder = await mkdtemp(join(tmpdir(), 'purser-launched-'));
  // Enterable, so that as root its Postgres and its agents, which run as other users, stay within the folder.
  await chmod(folder, 0o755);
  const home = join(folder, 'home');
  const config = join(folder, 'config');
  await mkdir(config);
  await writeFile(join(config, 'models.json'), JSON.stringify(models));
  await writeFile(join(config, 'budgets.json'), JSON.stringify(budgets));
  for (const [name, content] of Object.entries(files)) await writeFile(join(config, name), JSON.stringify(content));
  const chosen = await Promise.all(PORTS.map(async (name) => [name, String(await freePort())] as const));
  const ports = Object.fromEntries(chosen) as Launched['ports'];
  const env = {
    ...cleanEnvironment(),
    ...ports,
    PURSER_HOME: home,
    PURSER_CONFIG_DIR: config,
    OPENAI_BASE_URL: openaiBaseUrl,
    OPENAI_API_KEY: 'demo',
    ...more(ports),
  };
  // Detached: Ctrl-C reaches whoever launched it alone, who then ends it in order.
  const child = spawn(process.execPath, [bin, 'up'], { env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const printed: string[] = [];
  const stop = async () => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await ready(child, printed);
    const read = async (file: string) => (await readFile(join(home, file), 'utf8')).trim();
    const [natsUrl, adminKey] = await Promise.all([read('nats.url'), read('admin.key')]);
    const gatewayUrl = `http://127.0.0.1:${ports.PURSER_GATEWAY_PORT}`;
    const apiUrl = `http://127.0.0.1:${ports.PURSER_API_PORT}`;
    return { ports, env, home, gatewayUrl, apiUrl, natsUrl, adminKey, pid: child.pid ?? 0, printed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ready(child: ChildProcess, printed: string[]): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(START_TIMEOUT_MS)]);
  const isReady = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        printed.push(line);
        if (line.startsWith('Purser is ready')) resolve();
      });
    }
  });
  const ended = once(child, 'exit', { signal }).then(
    () => Promise.reject(new Error(`Purser did not start:\n${printed.slice(-30).join('\n')}`)),
    () =>
      Promise.reject(
        new Error(`Purser was not ready within ${START_TIMEOUT_MS / 1000} s:\n${printed.slice(-30).join('\n')}`),
      ),
  );
  ended.catch(() => undefined);
  await Promise.race([isReady, ended]);
  over.abort();
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  const last = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await gone;
  clearTimeout(last);
}
