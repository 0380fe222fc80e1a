// A cost-watchdog and model-gateways as processes of their own on a real nats-server and Postgres, for benchmarks.
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { findNatsServer, freePort, startNatsServer, startPostgres } from '@purser/embedded';

const root = join(import.meta.dirname, '..', '..');

async function ready(url, child) {
  for (const end = Date.now() + 60_000; Date.now() < end; await wait(100)) {
    if (child.exitCode !== null) throw new Error(`it ended with code ${child.exitCode}`);
    const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (answer?.status === 200) return;
  }
  throw new Error(`${url} is not ready after 60 s`);
}

/** Asks a service to end, and waits until it has. */
export async function ended(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}

/**
 * `budgets`, `models`, `plugins`: contents of the configuration files. `databaseUrl`: a Postgres that is there already.
 * Everything ends with `stop`.
 */
export async function startStack({ folder, budgets, models, plugins, databaseUrl, env = {} }) {
  const config = join(folder, 'config');
  await mkdir(config, { recursive: true });
  await writeFile(join(config, 'budgets.json'), JSON.stringify(budgets));
  await writeFile(join(config, 'models.json'), JSON.stringify(models));
  await writeFile(join(config, 'plugins.json'), JSON.stringify(plugins));
  const { path: bin } = await findNatsServer({
    env: process.env,
    cacheDir: join(root, 'node_modules', '.cache', 'purser'),
  });
  const nats = await startNatsServer({
    bin,
    port: 0,
    storeDir: join(folder, 'nats'),
    logFile: join(folder, 'nats.log'),
  });
  const postgres =
    databaseUrl === undefined
      ? await startPostgres({
          dataDir: join(folder, 'postgres'),
          port: 0,
          password: 'bench',
          logFile: join(folder, 'postgres.log'),
          settings: {},
          durable: true,
        })
      : { url: databaseUrl, stop: async () => undefined };
  const running = [];
  const launch = async (name, portName, more = {}) => {
    const port = await freePort();
    const child = spawn(process.execPath, [join(root, 'apps', name, 'dist', 'main.js')], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        NODE_ENV: 'production',
        PURSER_NATS_URL: nats.url,
        PURSER_DATABASE_URL: postgres.url,
        PURSER_HOME: join(folder, 'home'),
        PURSER_CONFIG_DIR: config,
        PURSER_LOG_LEVEL: 'warn',
        [portName]: String(port),
        ...env,
        ...more,
      },
    });
    const service = { name, child, port, url: `http://127.0.0.1:${port}` };
    running.push(service);
    await ready(service.url, child);
    return service;
  };
  await mkdir(join(folder, 'home'), { recursive: true, mode: 0o755 });
  const watchdog = await launch('cost-watchdog', 'PURSER_WATCHDOG_PORT');
  return {
    watchdog,
    natsUrl: nats.url,
    natsPid: nats.pid,
    launchGateway: (more) => launch('model-gateway', 'PURSER_GATEWAY_PORT', more),
    launchOrchestrator: (more) => launch('orchestrator', 'PURSER_API_PORT', more),
    launchRunner: (more) => launch('agent-runner', 'PURSER_RUNNER_PORT', more),
    adminKey: async () => (await readFile(join(folder, 'home', 'admin.key'), 'utf8')).trim(),
    async stop() {
      for (const { child } of running.reverse()) {
        await ended(child);
      }
      await nats.stop();
      await postgres.stop();
    },
  };
}
