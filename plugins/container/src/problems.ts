import { statusOf, wordsOf } from './engine.js';
import type { ContainerInput } from './input.js';

/** What keeps a session from being run at all: a mistake of its task. */
export class NotStarted extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What keeps this runner from running containers at present, whatever the task. */
export class NotNow extends Error {}

/** Nobody answered, or somebody in between said so (502, 503, 504); what the engine itself says is about the container. */
function isTrouble(error: unknown): boolean {
  const status = statusOf(error);
  if (status !== undefined) return status >= 502;
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  return typeof code === 'string' || name === 'AbortError' || name === 'TimeoutError';
}

/** `NotNow` for trouble of the machine, and everything else as it is. */
export function told(error: unknown): unknown {
  if (error instanceof NotStarted || error instanceof NotNow || !isTrouble(error)) return error;
  return new NotNow(`what makes containers does not do so: ${wordsOf(error)}`);
}

export function startProblem(error: unknown, { image, argv }: ContainerInput): unknown {
  const problem = told(error);
  if (problem instanceof NotNow) return problem;
  const words = wordsOf(error);
  const program = argv?.[0] ?? 'program';
  if (/executable file not found|no such file or directory/.test(words))
    return new NotStarted('not_found', `the image ${image} has no ${program} that can be started: ${words}`);
  if (/permission denied/.test(words))
    return new NotStarted('not_executable', `${program} of the image ${image} may not be executed: ${words}`);
  return error;
}
