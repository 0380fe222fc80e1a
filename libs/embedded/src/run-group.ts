import { spawn } from 'node:child_process';

export interface GroupOptions {
  cwd: string;
  env: NodeJS.ProcessEnv;
  timeoutMs: number;
  signal: AbortSignal | undefined;
}

/** Why a program did not do what it was run for. */
export class ProgramFailed extends Error {
  constructor(
    message: string,
    readonly stderr: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'ProgramFailed';
  }
}

const STDERR_KEPT = 64 * 1024;

/**
 * Runs a program that may start others, as apt-get does, in a process group of its own. When `signal` is aborted or the
 * time is over all of them are killed; in every case it settles when none is left that could still write.
 */
export function runGroup(program: string, args: string[], options: GroupOptions): Promise<void> {
  const { cwd, env, timeoutMs, signal } = options;
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
    let stderr = '';
    let late = false;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-STDERR_KEPT)));
    const timer = setTimeout(() => {
      late = true;
      killGroup(child.pid);
    }, timeoutMs);
    const stop = () => killGroup(child.pid);
    signal?.addEventListener('abort', stop, { once: true });
    const settle = (outcome: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
      outcome();
    };
    child.once('error', (error) => settle(() => reject(error)));
    // Not `exit`: what it started holds its stderr open as long as it lives.
    child.once('close', (code, ending) =>
      settle(() => {
        if (signal?.aborted) reject(signal.reason as Error);
        else if (late) reject(new ProgramFailed(`${program} was not done within ${timeoutMs / 1000} s`, stderr));
        else if (code !== 0) reject(new ProgramFailed(`${program} ended with ${ending ?? code}`, stderr));
        else resolve();
      }),
    );
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
