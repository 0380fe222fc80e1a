import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { chooseUser } from '@purser/guard';
import type { ExecutorResult, ExecutorSession, SessionResources, SessionSignal } from '@purser/plugin-sdk';
import { cloneIsOpen } from '@purser/testing';
import type { z } from 'zod';
import { ChatExecutor, type ChatExecutorOptions } from './chat.executor.js';
import { type ChatState, readState } from './conversation/state.js';
import { ChatInput } from './input.js';

/** Polls for a fact. */
export async function until(what: string, fact: () => unknown, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await fact())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await delay(20);
  }
}

/** The living processes of a session, in words: the marker of each guard begins with the session's id. */
export function aliveOf(sessionId: string): string[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      const environ = readFileSync(`/proc/${name}/environ`, 'utf8').split('\0');
      const own = environ.some((one) => one.startsWith(`PURSER_SESSION_ID=${sessionId}.`));
      return own ? [`${name} ${readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ')}`] : [];
    } catch {
      return [];
    }
  });
}

let count = 0;

/** One task on real folders, over as many sessions as a test wants. */
export class TestTask {
  readonly root = mkdtempSync(join(tmpdir(), 'purser-chat-'));
  readonly workspace = join(this.root, 'workspace');
  readonly checkpoints: Uint8Array[] = [];
  readonly handoffs: string[] = [];
  epoch = 0;

  constructor(readonly environment: Record<string, string>) {
    chmodSync(this.root, 0o755);
    mkdirSync(this.workspace);
  }

  /** Goes on from what the last session saved. */
  session(input: z.input<typeof ChatInput>): TestSession {
    this.epoch += 1;
    return new TestSession(this, input);
  }

  get state(): ChatState {
    return readState(this.checkpoints.at(-1)!)!;
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export class TestSession implements ExecutorSession {
  readonly taskId = 'task-1';
  readonly sessionId = `chat-${process.pid}-${Date.now()}-${++count}`;
  readonly input: unknown;
  readonly epoch: number;
  readonly resumeFrom: Uint8Array | undefined;
  readonly handoff: string | undefined;
  readonly workspace: string;
  readonly sessionDir: string;
  readonly environment: Record<string, string>;
  graceMs = 4_000;
  readonly wrapping = new AbortController();
  readonly killing = new AbortController();
  readonly wrap: ExecutorSession['wrap'] = this.wrapping.signal;
  readonly kill: ExecutorSession['kill'] = this.killing.signal;
  readonly lines: { stream: string; line: string }[] = [];
  readonly reported: { done?: number; note?: string }[] = [];
  limits: SessionResources['limits'] = {};
  /** Sends a signal, once the executor listens. */
  signal: ((signal: SessionSignal) => Promise<void>) | undefined;
  /** In the place of saving. */
  refuse: ((state: Uint8Array) => Error | undefined) | undefined;

  constructor(
    private readonly task: TestTask,
    input: z.input<typeof ChatInput>,
  ) {
    this.input = ChatInput.parse(input);
    this.epoch = task.epoch;
    this.resumeFrom = task.checkpoints.at(-1);
    this.handoff = task.handoffs.at(-1);
    this.workspace = task.workspace;
    this.environment = task.environment;
    this.sessionDir = join(task.root, `session-${task.epoch}`);
    mkdirSync(this.sessionDir);
  }

  run(options: Partial<ChatExecutorOptions> = {}): Promise<ExecutorResult> {
    return createExecutor(options).run(this);
  }

  log(stream: string, line: string): void {
    this.lines.push({ stream, line });
  }

  get text(): string {
    return this.lines.map(({ stream, line }) => `${stream} ${line}`).join('\n');
  }

  checkpoint(state: Uint8Array): Promise<void> {
    const refusal = this.refuse?.(state);
    if (refusal) return Promise.reject(refusal);
    this.task.checkpoints.push(Uint8Array.from(state));
    return Promise.resolve();
  }

  writeHandoff(markdown: string): Promise<void> {
    this.task.handoffs.push(markdown);
    return Promise.resolve();
  }

  onSignal(listener: (signal: SessionSignal) => void | Promise<void>): void {
    this.signal = async (signal) => listener(signal);
  }

  resources(): SessionResources {
    return { level: 'healthy', limits: this.limits, used: { seconds: 0 } };
  }

  progress(progress: { done?: number; note?: string }): void {
    this.reported.push(progress);
  }
}

export function createExecutor(options: Partial<ChatExecutorOptions> = {}): ChatExecutor {
  // The session's user has to be able to read what is in this clone.
  const owner = cloneIsOpen() ? undefined : { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const user = chooseUser(owner, process.getuid?.() ?? -1);
  const retries = { forMs: 20_000, attempts: 4, firstWaitMs: 5, maxWaitMs: 20, random: () => 0.5 };
  return new ChatExecutor({ user, inherit: [], environment: process.env, retries, ...options });
}
