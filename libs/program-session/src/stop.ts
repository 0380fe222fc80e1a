import { type ExecutorSession, reasonOf } from '@purser/plugin-sdk';
import type { AttendedProgram } from './attend.js';

/** Passes a session's wish to wrap up or stop on to its program, until released. */
export class Stop {
  /** Why it was asked to wrap up while it ran, if it was. */
  wrapped: string | undefined;
  graceOver = false;
  /** Why everything was stopped at once, if it was. */
  killed: string | undefined;
  private readonly session: ExecutorSession;
  private readonly program: AttendedProgram;
  private grace: NodeJS.Timeout | undefined;

  constructor(session: ExecutorSession, program: AttendedProgram) {
    this.session = session;
    this.program = program;
    session.wrap.addEventListener('abort', this.wrap);
    session.kill.addEventListener('abort', this.kill);
    if (session.wrap.aborted) this.wrap();
    if (session.kill.aborted) this.kill();
  }

  stale(): void {
    this.killed ??= 'a newer session owns the task';
    this.program.kill();
  }

  release(): void {
    clearTimeout(this.grace);
    this.session.wrap.removeEventListener('abort', this.wrap);
    this.session.kill.removeEventListener('abort', this.kill);
  }

  private readonly wrap = (): void => {
    this.wrapped = reasonOf(this.session.wrap);
    this.program.terminate();
    this.killAfter(this.session.graceLeftMs?.() ?? this.session.graceMs);
  };

  private killAfter(ms: number): void {
    this.grace = setTimeout(() => {
      const left = this.session.graceLeftMs?.() ?? 0;
      if (left > 0) return this.killAfter(left);
      this.graceOver = true;
      this.program.kill();
    }, ms);
  }

  private readonly kill = (): void => {
    this.killed ??= reasonOf(this.session.kill);
    this.program.kill();
  };
}
