import type { z } from 'zod';

/** What a session may use and has used, as Purser measures it: at most a second old. What is not known (yet) is left out. */
export interface SessionResources {
  /** From `wrap` on the session is asked to end, at `stop` it is ended. */
  level: 'healthy' | 'warning' | 'wrap' | 'stop';
  limits: { tokens?: number; seconds?: number; memoryMb?: number; requests?: number };
  used: { tokens?: number; seconds: number; memoryMb?: number; requests?: number };
}

/** A message to the session, sent by a person or a program. */
export interface SessionSignal {
  /** Counts the task's signals from 1; a signal that comes again, to the session after a lost one, has the same. */
  number: number;
  name: string;
  payload: unknown;
  /** ISO 8601. */
  at: string;
}

/** One session as an executor sees it. */
export interface ExecutorSession {
  taskId: string;
  sessionId: string;
  epoch: number;
  /** The task's input, already checked against `Executor.input`. */
  input: unknown;
  /** The state of the last checkpoint, or undefined at the first session. Its bytes are as they were saved. */
  resumeFrom: Uint8Array | undefined;
  /** In place of `resumeFrom` for a state above 16 MiB: a file of `sessionDir` with its bytes, to be moved or read. */
  resumeFile?: string;
  /** The last handoff document (Markdown), if there is one. */
  handoff: string | undefined;
  /** An existing folder that stays over the sessions of a task on one machine: the workspace. */
  workspace: string;
  /** An existing empty folder for this session alone; removed after it. */
  sessionDir: string;
  /** To be given to whatever is run: the gateway's addresses and the session's key, under the usual names. */
  environment: Readonly<Record<string, string>>;
  graceMs: number;
  /**
   * How much of the grace period is left; all of it before the wrap. It may be extended while a long unit runs, so it is
   * asked again when it seems to be over. Absent: `graceMs` from the wrap on.
   */
  graceLeftMs?(): number;
  /**
   * How long the work may go on from now if the runner stands still, after which another runner may have taken the task
   * over. What works in other processes asks before each sign of life that it sends them, and has them end when the time
   * passes without the next one. Absent: for as long as it takes.
   */
  aliveWithinMs?(): number;
  /** Aborted: finish the unit at hand, checkpoint and end within `graceMs`. `signal.reason` says why. */
  wrap: AbortSignal;
  /** Aborted: stop everything now; `run` returns when nothing is left alive. */
  kill: AbortSignal;
  /**
   * Takes one line (16 KiB at most). When it returns a promise, wait for it before the next line of that stream: so a
   * program that floods is slowed down instead of filling memory.
   */
  log(stream: 'stdout' | 'stderr' | 'purser', line: string): void | Promise<void>;
  /** Saves a checkpoint (16 MiB at most). Rejects with `stale_epoch` when a newer session owns the task: stop then. */
  checkpoint(state: Uint8Array): Promise<void>;
  /** The same for a state of up to 256 MiB, of which little is held in memory. Above 16 MiB it comes back as `resumeFile`. */
  streamCheckpoint?(state: AsyncIterable<Uint8Array>): Promise<void>;
  /** Keeps a file for people (256 MiB at most), by a name of letters, digits, `.`, `_`, `-`; the same name replaces it. */
  artifact?(name: string, content: AsyncIterable<Uint8Array>): Promise<void>;
  /** Replaces the handoff document that the next session reads. */
  writeHandoff(markdown: string): Promise<void>;
  resources(): SessionResources;
  /**
   * Signals to this session, one after the other, each when the promise for the one before is fulfilled: it then counts
   * as delivered. One that is rejected, and what comes after it, goes to the next session.
   */
  onSignal?(listener: (signal: SessionSignal) => void | Promise<void>): void;
  progress(progress: { done?: number; total?: number; note?: string }): void;
}

export type ExecutorResult =
  | { kind: 'completed'; result: unknown }
  /** A fresh session is to go on from the last checkpoint. `waitsFor`: once there is money again, since a call found none. */
  | { kind: 'continue'; reason: string; waitsFor?: 'budget' }
  /**
   * This runner cannot run it at present, by no fault of the task's: it is given back, and counts as neither a session nor
   * a failure. It may come back at once, so that an executor waits for a while first.
   */
  | { kind: 'released'; reason: string }
  | { kind: 'failed'; error: { code: string; message: string } };

export interface Executor {
  input: z.ZodType;
  /** Works until done, wrapped up or killed, and leaves no process behind. Throws only for defects. */
  run(session: ExecutorSession): Promise<ExecutorResult>;
  /**
   * Waited for before the session's folders are made ready: until nothing is at work in them any more that a runner left which
   * was killed. Rejects when that cannot be told for long, or at `stop`; the session is given back then.
   */
  ready?(stop: AbortSignal, say: (line: string) => void): Promise<void>;
  /** Memory in MiB of all that a running session uses; undefined when it cannot be told. */
  memoryMb?(sessionId: string): Promise<number | undefined>;
}
