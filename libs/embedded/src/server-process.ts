import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { EmbeddedError } from './embedded-error.js';
import type { EndStep } from './process-table.js';

/** Above it a log is set aside when the server starts, so that at most one old log of any size is kept. */
const LOG_KEPT_BYTES = 10 * 1024 * 1024;

export interface ServerExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface ServerCommand {
  /** How people call it, for messages. */
  name: string;
  bin: string;
  /** What the process calls itself, when not by its path. */
  argv0?: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  cwd: string;
  logFile: string;
  uid?: number | undefined;
  gid?: number | undefined;
}

function setLargeLogAside(logFile: string): void {
  const size = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LOG_KEPT_BYTES) renameSync(logFile, `${logFile}.1`);
}

/** A server that we started: in its own process group, so that a Ctrl-C on the terminal does not reach it. */
export class ServerProcess {
  readonly pid: number;
  /** Resolves when it has ended, for whatever reason. */
  readonly exited: Promise<ServerExit>;
  private exit: ServerExit | undefined;
  private stopping: Promise<void> | undefined;

  private constructor(
    private readonly command: ServerCommand,
    private readonly logStart: number,
    pid: number,
    exited: Promise<ServerExit>,
  ) {
    this.pid = pid;
    this.exited = exited;
    void exited.then((exit) => {
      this.exit = exit;
    });
  }

  static async start(command: ServerCommand): Promise<ServerProcess> {
    setLargeLogAside(command.logFile);
    // The server writes to the file itself: a pipe to us would break, and end it, when we are killed.
    const log = openSync(command.logFile, 'a', 0o600);
    try {
      const logStart = statSync(command.logFile).size;
      const child = spawn(command.bin, command.args, {
        cwd: command.cwd,
        env: command.env,
        detached: true,
        ...(command.argv0 === undefined ? {} : { argv0: command.argv0 }),
        stdio: ['ignore', log, log],
        ...(command.uid === undefined ? {} : { uid: command.uid }),
        ...(command.gid === undefined ? {} : { gid: command.gid }),
      });
      const exited = new Promise<ServerExit>((resolve) =>
        child.once('exit', (code, signal) => resolve({ code, signal })),
      );
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      child.unref();
      return new ServerProcess(command, logStart, child.pid ?? 0, exited);
    } catch (error) {
      throw new EmbeddedError(
        'start_failed',
        `${command.name} did not start: ${command.bin} cannot be run.`,
        'Check that the file exists, is made for this machine and may be run.',
        { cause: error },
      );
    } finally {
      closeSync(log);
    }
  }

  get running(): boolean {
    return this.exit === undefined;
  }

  /** The end of what this start wrote to the log. */
  logTail(lines = 12): string {
    const written = readFileSync(this.command.logFile).subarray(this.logStart).toString('utf8');
    return written.trimEnd().split('\n').slice(-lines).join('\n');
  }

  /**
   * Polls until `ready` gives a value. Fails with the log's tail when the server ends before that, and stops it when
   * the time is over.
   */
  async waitUntilReady<T>(
    ready: () => Promise<T | undefined>,
    timeoutMs: number,
    explain: (logTail: string) => EmbeddedError | undefined,
  ): Promise<T> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      if (!this.running) {
        const tail = this.logTail();
        throw explain(tail) ?? this.startFailure(`ended at its start (${describeExit(this.exit)})`, tail);
      }
      const value = await ready();
      if (value !== undefined) return value;
      if (Date.now() > deadline) {
        const tail = this.logTail();
        await this.stop([{ signal: 'SIGKILL', waitMs: 5_000 }]);
        throw this.startFailure(`was not ready within ${timeoutMs / 1000} s and was stopped`, tail);
      }
      await delay(20);
    }
  }

  private startFailure(what: string, tail: string): EmbeddedError {
    return new EmbeddedError(
      'start_failed',
      `${this.command.name} ${what}.${tail === '' ? '' : `\nIts log ends with:\n${tail}`}`,
      `The whole log is in ${this.command.logFile}.`,
    );
  }

  /** Signal by signal until it has ended. A second call waits for the first. */
  stop(steps: readonly EndStep[]): Promise<void> {
    this.stopping ??= this.end(steps);
    return this.stopping;
  }

  private async end(steps: readonly EndStep[]): Promise<void> {
    for (const { signal, waitMs } of steps) {
      if (!this.running) return;
      try {
        process.kill(this.pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
      const over = new AbortController();
      await Promise.race([
        this.exited,
        delay(waitMs, undefined, { signal: over.signal }).catch(() => undefined),
      ]).finally(() => over.abort());
    }
    if (this.running) {
      throw new EmbeddedError(
        'still_running',
        `${this.command.name} (pid ${this.pid}) does not end, not even by SIGKILL.`,
        'It waits for the disk, most likely: check the disk, then end it by hand.',
      );
    }
  }
}

function describeExit(exit: ServerExit | undefined): string {
  return exit?.signal ? `signal ${exit.signal}` : `exit code ${exit?.code ?? 'unknown'}`;
}
