import { isPurserError } from '@purser/contracts';

/** Exit codes of every command; `purser --help` lists them. */
export const EXIT = {
  ok: 0,
  /** It was tried and did not work out: a task failed, a check of the doctor's failed, a request was refused. */
  failed: 1,
  /** The command line or the input is wrong; nothing was done. */
  usage: 2,
  /** Purser, or the service that the command needs, does not answer. */
  unreachable: 3,
  /** Ctrl-C, or a signal like it, before it was done; as shells count. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export function exitCodeOf(error: unknown): ExitCode {
  if (!isPurserError(error)) return EXIT.failed;
  if (error.code === 'invalid_request') return EXIT.usage;
  return error.code === 'unavailable' || error.code === 'timeout' ? EXIT.unreachable : EXIT.failed;
}
