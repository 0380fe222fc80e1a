import type { ExecutorSession } from './executor.js';

/** Why a session is to wrap up or to stop, in words. */
export const reasonOf = (signal: AbortSignal): string => {
  const reason: unknown = signal.reason;
  return reason instanceof Error ? reason.message : String(reason);
};

/** A session's log as the executor writes it: lines that cannot be kept are counted, and do not end the program. */
export class SessionLog {
  private readonly session: ExecutorSession;
  private lost = 0;
  private lastError = '';

  constructor(session: ExecutorSession) {
    this.session = session;
  }

  /** Nothing to wait for unless the session says so: awaiting each line of a flood would cost a turn of the loop. */
  take(stream: 'stdout' | 'stderr' | 'purser', line: string): void | Promise<void> {
    try {
      return this.session.log(stream, line)?.catch((error: unknown) => this.failed(error));
    } catch (error) {
      this.failed(error);
    }
  }

  say(line: string): void {
    void this.take('purser', line);
  }

  /** Tells of lines that were lost, in case the log works again. */
  finish(): void {
    if (this.lost > 0) this.say(`${this.lost} lines could not be logged: ${this.lastError}`);
  }

  private failed(error: unknown): void {
    this.lost += 1;
    this.lastError = error instanceof Error ? error.message : String(error);
  }
}
