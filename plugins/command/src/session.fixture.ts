import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseUser } from '@purser/guard';
import type { ExecutorSession, SessionResources, SessionSignal } from '@purser/plugin-sdk';
import { CommandExecutor, type CommandExecutorOptions } from './command.executor.js';
import type { CommandInput } from './input.js';

export const asRoot = process.getuid?.() === 0;

/** Polls for a fact. */
export async function until(what: string, fact: () => unknown, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await fact())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await delay(20);
  }
}

/** Pids of the living processes whose command line holds `text`. */
export function alive(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return /^\d+$/.test(name) && command.includes(text) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** Pids of the living processes that were started with `variable` (`NAME=value`). */
export function aliveWith(variable: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const environ = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
      return /^\d+$/.test(name) && environ.includes(variable) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

let count = 0;

/** Seconds to sleep that no other process sleeps, so that a process can be found by them. */
export const uniqueSleep = () => `${40_000 + (process.pid % 10_000)}.${Date.now() % 1_000_000}${++count}`;

/** A session on real folders, which remembers what the executor told it. */
export class TestSession implements ExecutorSession {
  readonly root = mkdtempSync(join(tmpdir(), 'purser-command-'));
  readonly taskId = 'task-1';
  readonly sessionId = `session-${process.pid}-${Date.now()}-${++count}`;
  epoch = 1;
  resumeFrom: Uint8Array | undefined;
  handoff: string | undefined;
  workspace = join(this.root, 'workspace');
  sessionDir = join(this.root, 'session');
  environment: Record<string, string> = { OPENAI_BASE_URL: 'http://127.0.0.1:8080/v1', OPENAI_API_KEY: 'session-key' };
  graceMs = 5000;
  readonly wrapping = new AbortController();
  readonly killing = new AbortController();
  readonly wrap: ExecutorSession['wrap'] = this.wrapping.signal;
  readonly kill: ExecutorSession['kill'] = this.killing.signal;
  readonly lines: { stream: string; line: string }[] = [];
  readonly checkpoints: string[] = [];
  readonly handoffs: string[] = [];
  readonly reported: unknown[] = [];
  readonly artifacts = new Map<string, string>();
  listener: ((signal: SessionSignal) => void | Promise<void>) | undefined;
  /** Failures for the next checkpoints. */
  readonly refusals: Error[] = [];
  readonly input: CommandInput;

  constructor(script: string | Partial<CommandInput>) {
    chmodSync(this.root, 0o755);
    mkdirSync(this.workspace);
    mkdirSync(this.sessionDir);
    const input = typeof script === 'string' ? { argv: ['sh', '-c', script] } : script;
    this.input = { argv: ['true'], ...input };
  }

  log(stream: string, line: string): void | Promise<void> {
    this.lines.push({ stream, line });
  }

  checkpoint(state: Uint8Array): Promise<void> {
    const refusal = this.refusals.shift();
    if (refusal) return Promise.reject(refusal);
    this.checkpoints.push(Buffer.from(state).toString());
    return Promise.resolve();
  }

  resources(): SessionResources {
    return { level: 'healthy', limits: {}, used: { seconds: 0 } };
  }

  writeHandoff(markdown: string): Promise<void> {
    this.handoffs.push(markdown);
    return Promise.resolve();
  }

  async artifact(name: string, content: AsyncIterable<Uint8Array>): Promise<void> {
    let text = '';
    for await (const piece of content) text += Buffer.from(piece).toString();
    this.artifacts.set(name, text);
  }

  onSignal(listener: (signal: SessionSignal) => void | Promise<void>): void {
    this.listener = listener;
  }

  progress(progress: unknown): void {
    this.reported.push(progress);
  }

  text(stream: 'stdout' | 'stderr' | 'purser'): string[] {
    return this.lines.filter((entry) => entry.stream === stream).map((entry) => entry.line);
  }

  inWorkspace(name: string): string {
    return join(this.workspace, name);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export function createExecutor(options: Partial<CommandExecutorOptions> = {}): CommandExecutor {
  const user = chooseUser(undefined, process.getuid?.() ?? -1);
  return new CommandExecutor({ user, inherit: [], environment: process.env, ...options });
}
