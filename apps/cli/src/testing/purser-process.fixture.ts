import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findNatsServer, freePort, listProcesses, type ProcessEntry } from '@purser/embedded';

const PORTS = [
  'PURSER_GATEWAY_PORT',
  'PURSER_API_PORT',
  'PURSER_WATCHDOG_PORT',
  'PURSER_RUNNER_PORT',
  'PURSER_OFFLOAD_PORT',
  'PURSER_NATS_PORT',
  'PURSER_POSTGRES_PORT',
] as const;

const BIN = join('apps', 'cli', 'bin', 'purser.mjs');
const READY_WITHIN_MS = 45_000;

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** A data folder and ports of its own, and the `purser` command run on them as a user would: as a process. */
export class Playground {
  readonly home: string;
  private readonly running: PurserProcess[] = [];

  private constructor(
    private readonly folder: string,
    readonly ports: Record<(typeof PORTS)[number], string>,
    private readonly given: NodeJS.ProcessEnv,
  ) {
    this.home = join(folder, 'home');
  }

  static async make(): Promise<Playground> {
    // Found here: each playground has an empty cache of its own.
    const { path } = await findNatsServer({ env: process.env, cacheDir: process.env.PURSER_TEST_CACHE_DIR ?? '' });
    const folder = await mkdtemp(join(tmpdir(), 'purser-up-'));
    await chmod(folder, 0o755); // As root, Postgres runs as another user and must get through.
    await mkdir(join(folder, 'config'));
    const ports = await Promise.all(PORTS.map(async (name) => [name, String(await freePort())] as const));
    return new Playground(folder, Object.fromEntries(ports) as Playground['ports'], { NATS_SERVER_BIN: path });
  }

  get env(): NodeJS.ProcessEnv {
    const { PATH = '', HOME = '' } = process.env;
    const config = join(this.folder, 'config');
    return { PATH, HOME, ...this.ports, PURSER_HOME: this.home, PURSER_CONFIG_DIR: config, ...this.given };
  }

  async configure(file: string, content: object | string): Promise<void> {
    await mkdir(join(this.folder, 'config'), { recursive: true });
    const text = typeof content === 'string' ? content : JSON.stringify(content);
    await writeFile(join(this.folder, 'config', file), text);
  }

  private spawn(args: string[], env: NodeJS.ProcessEnv): PurserProcess {
    const child = spawn(process.execPath, [BIN, ...args], { env: { ...this.env, ...env }, detached: true });
    const one = new PurserProcess(child);
    this.running.push(one);
    return one;
  }

  /** `purser up`, once it has said that it is ready. */
  async up(env: NodeJS.ProcessEnv = {}): Promise<PurserProcess> {
    const purser = this.spawn(['up'], env);
    await purser.said(/^Purser is ready.*^Ctrl-C/ms, READY_WITHIN_MS);
    return purser;
  }

  /** Any command line, which goes on. */
  start(args: string[]): PurserProcess {
    return this.spawn(args, {});
  }

  /** Any command line, to its end. */
  async purser(args: string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
    return this.spawn(args, env).end();
  }

  /** Has a task print its own name, and waits until it is done. */
  echo(id: string): Promise<Ended> {
    return this.purser(['task', 'submit', '--id', id, '--wait', '--json', '--', 'sh', '-c', `echo from ${id}`]);
  }

  read(file: string): Promise<string> {
    return readFile(join(this.home, file), 'utf8');
  }

  /** Every process that was started for this data folder and still runs. */
  async processes(): Promise<ProcessEntry[]> {
    const pids = new Set(this.running.map(({ pid }) => pid));
    return (await listProcesses()).filter(
      ({ pid, command }) => command !== '' && (pids.has(pid) || command.includes(this.home)),
    );
  }

  async remove(): Promise<void> {
    for (const { pid } of await this.processes()) process.kill(pid, 'SIGKILL');
    await rm(this.folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

export class PurserProcess {
  private out = '';
  private err = '';
  private readonly closed: Promise<unknown>;

  constructor(private readonly child: ChildProcess) {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.err += text));
    this.closed = once(child, 'close');
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get printed(): string {
    return this.out + this.err;
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** As a power cut would for this process and all that share its terminal: its servers do not. */
  async killGroup(): Promise<void> {
    process.kill(-this.pid, 'SIGKILL');
    await this.closed;
  }

  async end(): Promise<Ended> {
    await this.closed;
    return { code: this.child.exitCode, out: this.out, err: this.err };
  }

  /** Waits for a text; fails with all that was said instead. */
  async said(pattern: RegExp, withinMs = 10_000): Promise<void> {
    const over = new AbortController();
    const found = new Promise<void>((resolve) => {
      const look = () => {
        if (pattern.test(this.out) || pattern.test(this.err)) resolve();
      };
      this.child.stdout?.on('data', look);
      this.child.stderr?.on('data', look);
      look();
    });
    const failure = (why: string) => new Error(`${why} without saying ${String(pattern)}:\n${this.printed}`);
    const timer = setTimeout(() => over.abort(), withinMs);
    const late = once(over.signal, 'abort').then(() => Promise.reject(failure(`${withinMs / 1000} s passed`)));
    const ended = this.closed.then(() => Promise.reject(failure('It ended')));
    ended.catch(() => undefined);
    try {
      await Promise.race([found, late, ended]);
    } finally {
      clearTimeout(timer);
    }
  }
}
