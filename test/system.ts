import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '@purser/embedded';
import {
  cloneIsOpen,
  createTestDatabase,
  eventually,
  type ModelServerProcess,
  spawnModelServer,
  startTestNats,
  type TestDatabase,
  type TestNats,
} from '@purser/testing';

export type Name = 'cost-watchdog' | 'model-gateway' | 'orchestrator' | 'agent-runner' | 'offload-manager';

const PORTS: Record<Name, string> = {
  'cost-watchdog': 'PURSER_WATCHDOG_PORT',
  'model-gateway': 'PURSER_GATEWAY_PORT',
  orchestrator: 'PURSER_API_PORT',
  'agent-runner': 'PURSER_RUNNER_PORT',
  'offload-manager': 'PURSER_OFFLOAD_PORT',
};

export interface Answer<Body = Record<string, unknown>> {
  status: number;
  headers: Headers;
  body: Body;
}

export interface SystemOptions {
  budgets?: object;
  /** A Postgres of the spec's own, when it means to stop it. */
  databaseUrl?: string;
  /** The way by which services reach the bus, when the spec means to trouble it. */
  busThrough?: (natsUrl: string) => Promise<string>;
  env?: Record<string, string>;
  /** Besides those of executors. */
  plugins?: { use: string; config?: object }[];
}

/** Two tiers on the model server: `demo-large` is paid, `demo-small` is free. */
const MODELS = {
  code_generation: {
    tier_1_paid: {
      provider: 'openai',
      model: 'demo-large',
      price: { inputPerMillionUsd: '10', outputPerMillionUsd: '30' },
      maxOutputTokens: 4096,
      quality: 'high',
    },
    tier_3_free: { provider: 'openai', model: 'demo-small', cost_per_1k_tokens: 0, quality: 'basic' },
  },
};

/** Agents run parts of this clone, which nobody but root may be able to read. */
const AS_ROOT = {
  plugins: ['@purser/command', '@purser/chat'].map((use) => ({ use, config: { user: { uid: 0, gid: 0 } } })),
};

/** The five services as five processes on a real nats-server and a real Postgres, with a model server of their own. */
export class System {
  readonly instances = new Map<string, Instance>();
  private database: TestDatabase | undefined;

  private constructor(
    readonly folder: string,
    readonly nats: TestNats,
    readonly models: ModelServerProcess,
    private readonly ports: Record<Name, number>,
    private readonly databaseUrl: string,
    private readonly busUrl: string,
    private readonly extra: Record<string, string>,
  ) {}

  static async start({
    budgets = { budgets: [] },
    databaseUrl,
    busThrough,
    env = {},
    plugins = [],
  }: SystemOptions = {}): Promise<System> {
    const folder = await mkdtemp(join(tmpdir(), 'purser-e2e-'));
    const config = join(folder, 'config');
    await mkdir(config);
    // Enterable, as agents that run as another user need it.
    await chmod(folder, 0o755);
    await mkdir(join(folder, 'home'), { mode: 0o755 });
    await writeFile(join(config, 'budgets.json'), JSON.stringify(budgets));
    await writeFile(join(config, 'models.json'), JSON.stringify(MODELS));
    const all = [...(cloneIsOpen() ? [] : AS_ROOT.plugins), ...plugins];
    if (all.length > 0) await writeFile(join(config, 'plugins.json'), JSON.stringify({ plugins: all }));
    const [nats, models, database, ports] = await Promise.all([
      startTestNats(),
      spawnModelServer({
        models: {
          'demo-large': { inputPerMillionUsd: '10', outputPerMillionUsd: '30' },
          'demo-small': { inputPerMillionUsd: '0', outputPerMillionUsd: '0' },
        },
      }),
      databaseUrl === undefined ? createTestDatabase() : undefined,
      freePorts(),
    ]);
    const busUrl = busThrough ? await busThrough(nats.url) : nats.url;
    const system = new System(folder, nats, models, ports, databaseUrl ?? database?.url ?? '', busUrl, env);
    system.database = database;
    try {
      await system.launch('cost-watchdog');
      await Promise.all([
        system.launch('model-gateway'),
        system.launch('orchestrator'),
        system.launch('offload-manager'),
      ]);
      await system.launch('agent-runner');
    } catch (error) {
      await system.stop();
      throw error;
    }
    return system;
  }

  url(name: Name): string {
    return `http://127.0.0.1:${this.ports[name]}`;
  }

  get adminKey(): Promise<string> {
    return readFile(join(this.folder, 'home', 'admin.key'), 'utf8').then((text) => text.trim());
  }

  /** Starts a service and waits until it is ready. `as` makes a further instance of it, on a port and with a home of its own. */
  async launch(name: Name, as?: string, env: Record<string, string> = {}): Promise<Instance> {
    const port = as === undefined ? this.ports[name] : await freePort();
    const home = join(this.folder, 'home');
    const instance = new Instance(name, port, join(this.folder, `${as ?? name}.log`), {
      ...this.extra,
      PATH: process.env.PATH ?? '',
      HOME: process.env.HOME ?? '',
      PURSER_NATS_URL: this.busUrl,
      PURSER_DATABASE_URL: this.databaseUrl,
      PURSER_HOME: home,
      PURSER_CONFIG_DIR: join(this.folder, 'config'),
      PURSER_GATEWAY_URL: this.url('model-gateway'),
      PURSER_API_URL: this.url('orchestrator'),
      OPENAI_BASE_URL: this.models.openaiBaseUrl,
      OPENAI_API_KEY: 'test',
      ...(as === undefined ? {} : { PURSER_INSTANCE: as }),
      [PORTS[name]]: String(port),
      ...env,
    });
    this.instances.set(as ?? name, instance);
    await instance.start();
    return instance;
  }

  instance(name: string): Instance {
    const instance = this.instances.get(name);
    if (!instance) throw new Error(`${name} was never started`);
    return instance;
  }

  /** Asks the control API as a client with the admin key does. */
  async api<Body = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<Answer<Body>> {
    return this.http<Body>(this.url('orchestrator') + path, method, body);
  }

  /** Asks a model as an OpenAI client does. */
  async chat(
    request: object,
    key?: string,
  ): Promise<Answer<{ choices: { message: { content: string } }[]; error?: { code: string; message: string } }>> {
    return this.http(`${this.url('model-gateway')}/v1/chat/completions`, 'POST', request, key);
  }

  private async http<Body>(url: string, method: string, body: unknown, key?: string): Promise<Answer<Body>> {
    const response = await fetch(url, {
      method,
      headers: {
        authorization: `Bearer ${key ?? (await this.adminKey)}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: JSON.parse(text) as Body };
  }

  /** The task once it is in the given state; fails with the task as it is after the timeout. */
  async taskIn(id: string, state: string, timeoutMs = 20_000): Promise<TaskSeen> {
    return eventually(
      async () => {
        const { status, body } = await this.api<TaskSeen>('GET', `/v1/tasks/${id}`);
        if (status !== 200 || body.state !== state)
          throw new Error(`task ${id} is not ${state}: ${JSON.stringify(body)}`);
        return body;
      },
      { timeoutMs, everyMs: 100 },
    );
  }

  async stop(): Promise<void> {
    const order: Name[] = ['agent-runner', 'model-gateway', 'offload-manager', 'orchestrator', 'cost-watchdog'];
    for (const name of order)
      await Promise.all([...this.instances.values()].filter((one) => one.name === name).map((one) => one.stop()));
    await Promise.all([this.models.stop(), this.nats.stop(), this.database?.drop()]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

interface UsageSeen {
  inputTokens: number;
  outputTokens: number;
  requests: number;
  usd: string;
}

export interface TaskSeen {
  id: string;
  state: string;
  waiting: string | null;
  epoch: number;
  sessions: {
    id: string;
    epoch: number;
    runner: string;
    outcome: string | null;
    reason: string | null;
    startedAt: string;
    usage: UsageSeen;
  }[];
  spentUsd: string;
  usage: UsageSeen;
  result: { exitCode?: number; output?: string } & Record<string, unknown>;
  error: { code: string; message: string } | null;
}

/** One process of a service. */
export class Instance {
  private child: ChildProcess | undefined;

  constructor(
    readonly name: Name,
    readonly port: number,
    readonly logFile: string,
    private readonly env: Record<string, string>,
  ) {}

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  get running(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  async start(): Promise<void> {
    const log = createWriteStream(this.logFile, { flags: 'a' });
    const child = spawn(process.execPath, [join('apps', this.name, 'dist', 'main.js')], {
      env: this.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    child.once('exit', () => log.end());
    this.child = child;
    await eventually(
      async () => {
        if (!this.running)
          throw new Fatal(`${this.name} ended: ${(await readFile(this.logFile, 'utf8')).slice(-2_000)}`);
        const { status } = await fetch(`http://127.0.0.1:${this.port}/health/ready`, {
          signal: AbortSignal.timeout(2_000),
        });
        if (status !== 200) throw new Error(`${this.name} is not ready`);
      },
      { timeoutMs: 30_000, everyMs: 100 },
    );
  }

  /** SIGKILL, as a crash would. */
  async kill(): Promise<void> {
    await this.end('SIGKILL');
  }

  /** SIGTERM; resolves with its exit code. */
  async stop(): Promise<number | null> {
    await this.end('SIGTERM');
    return this.child?.exitCode ?? null;
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.child || !this.running) return;
    const gone = once(this.child, 'exit');
    this.child.kill(signal);
    const last = setTimeout(() => this.child?.kill('SIGKILL'), 35_000);
    await gone;
    clearTimeout(last);
  }
}

class Fatal extends Error {}

async function freePorts(): Promise<Record<Name, number>> {
  const entries = Object.keys(PORTS).map(async (name) => [name, await freePort()] as const);
  return Object.fromEntries(await Promise.all(entries)) as Record<Name, number>;
}
