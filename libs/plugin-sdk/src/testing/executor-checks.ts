import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PurserError } from '@purser/contracts';
import type { Executor, ExecutorResult, ExecutorSession } from '../executor.js';
import { type ConformanceCheck, until, within } from './check.js';

export interface ExecutorSubject {
  create(): Executor | Promise<Executor>;
  /** Inputs, as a task would have them, that make the executor do what the name says. */
  inputs: {
    completes: unknown;
    fails: unknown;
    /** Refused by the executor's schema. */
    invalid: unknown;
    /** Reports progress or logs a line, then works on until it is asked to wrap up, and then ends by itself. */
    wraps: unknown;
    /** Reports progress or logs a line, heeds no wrap and never ends by itself. */
    stubborn: unknown;
    /** Saves a checkpoint, then completes. */
    checkpoints: unknown;
    /** Saves what it was resumed from as its own checkpoint, then completes. */
    resumes: unknown;
  };
  /** What is alive of a session, in words; empty when nothing is. */
  alive(sessionId: string): Promise<string[]>;
  /** The state that `resumes` is given; as the executor's checkpoints look like. */
  state?: Uint8Array;
  /** Makes a session's folder usable for what the executor runs, such as by giving it to another user. */
  prepare?(folder: string): Promise<void>;
  /** Standard: 1,000. */
  graceMs?: number;
}

/** What a wrapped or killed session may take beyond what it was granted, on a busy machine. */
const margin = 4000;
let lastSession = 0;

/** One session in folders of its own, and what came out of it. */
class Trial {
  readonly wrap = new AbortController();
  readonly kill = new AbortController();
  readonly checkpoints: Uint8Array[] = [];
  signs = 0;

  private constructor(
    private readonly root: string,
    private readonly subject: ExecutorSubject,
    private readonly executor: Executor,
    private readonly sessionId: string,
  ) {}

  static async open(subject: ExecutorSubject): Promise<Trial> {
    lastSession += 1;
    const root = await mkdtemp(join(tmpdir(), 'purser-executor-'));
    for (const name of ['workspace', 'session']) {
      await mkdir(join(root, name));
      await subject.prepare?.(join(root, name));
    }
    // A parent that the executor's user cannot enter would hide the folders from it.
    await subject.prepare?.(root);
    return new Trial(root, subject, await subject.create(), `check-${process.pid}-${lastSession}`);
  }

  run(input: unknown, changes: Partial<ExecutorSession> = {}): Promise<ExecutorResult> {
    const session: ExecutorSession = {
      taskId: 'check',
      sessionId: this.sessionId,
      epoch: 1,
      input: this.executor.input.parse(input),
      resumeFrom: undefined,
      handoff: undefined,
      workspace: join(this.root, 'workspace'),
      sessionDir: join(this.root, 'session'),
      environment: {},
      graceMs: this.subject.graceMs ?? 1000,
      wrap: this.wrap.signal,
      kill: this.kill.signal,
      log: () => void (this.signs += 1),
      progress: () => void (this.signs += 1),
      checkpoint: (state) => Promise.resolve(void this.checkpoints.push(state)),
      writeHandoff: () => Promise.resolve(),
      resources: () => ({ level: 'healthy', limits: {}, used: { seconds: 0 } }),
      ...changes,
    };
    return within(30_000, 'run()', this.executor.run(session));
  }

  accepts(input: unknown): boolean {
    return this.executor.input.safeParse(input).success;
  }

  atWork(): Promise<void> {
    return until('the session shows a sign of work', () => this.signs > 0, 10_000);
  }

  async assertNothingLeft(): Promise<void> {
    assert.deepEqual(await this.subject.alive(this.sessionId), [], 'nothing of the session is alive');
  }

  async close(): Promise<void> {
    this.kill.abort(new Error('the check is over'));
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Every rule that the agent-runner relies on in an `executor`. */
export function executorChecks(subject: ExecutorSubject): ConformanceCheck[] {
  const { inputs } = subject;
  const graceMs = subject.graceMs ?? 1000;
  const check = (name: string, run: (trial: Trial) => Promise<void>): ConformanceCheck => ({
    name,
    run: async () => {
      const trial = await Trial.open(subject);
      try {
        await run(trial);
        await trial.assertNothingLeft();
      } finally {
        await trial.close();
      }
    },
  });

  return [
    check('its schema takes good input and refuses bad', (trial) => {
      assert.ok(trial.accepts(inputs.completes), 'good input');
      assert.ok(!trial.accepts(inputs.invalid), 'bad input');
      return Promise.resolve();
    }),
    check('completes', async (trial) => {
      assert.equal((await trial.run(inputs.completes)).kind, 'completed');
    }),
    check('fails with a code and a message, and does not throw', async (trial) => {
      const result = await trial.run(inputs.fails);
      assert.ok(result.kind === 'failed', `failed, not ${result.kind}`);
      assert.ok(result.error.code.length > 0 && result.error.message.length > 0, 'a code and a message');
    }),
    check('wraps up within its grace period', async (trial) => {
      const running = trial.run(inputs.wraps);
      await trial.atWork();
      trial.wrap.abort(new Error('tokens 0.86 of its limit'));
      const result = await within(graceMs + margin, 'wrapping up', running);
      assert.notEqual(result.kind, 'failed', 'a session that wraps up has not failed');
    }),
    check('a session that does not wrap up is ended after its grace period', async (trial) => {
      const running = trial.run(inputs.stubborn);
      await trial.atWork();
      trial.wrap.abort(new Error('tokens 0.86 of its limit'));
      await within(graceMs + margin, 'ending', running);
    }),
    check('a kill leaves nothing alive', async (trial) => {
      const running = trial.run(inputs.stubborn);
      await trial.atWork();
      trial.kill.abort(new Error('lease lost'));
      await within(margin, 'ending', running);
    }),
    check('a session that is killed before it begins leaves nothing alive', async (trial) => {
      trial.kill.abort(new Error('lease lost'));
      const result = await within(margin, 'ending', trial.run(inputs.stubborn));
      assert.notEqual(result.kind, 'completed');
    }),
    check('saves its checkpoint before it ends', async (trial) => {
      assert.equal((await trial.run(inputs.checkpoints)).kind, 'completed');
      assert.ok((trial.checkpoints.at(-1)?.length ?? 0) > 0, 'a checkpoint with content');
    }),
    check('is given back the state that it resumes from, to the byte', async (trial) => {
      const state = subject.state ?? new TextEncoder().encode('{"done": [1, 2],  "next": "three"}\n');
      assert.equal((await trial.run(inputs.resumes, { resumeFrom: state })).kind, 'completed');
      assert.deepEqual(Buffer.from(trial.checkpoints.at(-1) ?? []), Buffer.from(state));
    }),
    check('survives that its checkpoint is refused because a newer session owns the task', async (trial) => {
      const checkpoint = () => Promise.reject(new PurserError('stale_epoch'));
      await trial.run(inputs.checkpoints, { checkpoint });
    }),
  ];
}
