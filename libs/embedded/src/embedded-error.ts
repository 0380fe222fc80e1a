export type EmbeddedErrorCode =
  | 'nats_not_found'
  | 'postgres_not_found'
  | 'port_taken'
  | 'start_failed'
  | 'data_version'
  | 'data_folder'
  | 'no_account'
  | 'still_running';

/** One way that was tried, and why it led nowhere. */
export interface FailedStep {
  step: string;
  reason: string;
}

/** Why a server of this machine cannot be found or run. The message says what is wrong, `remedy` how to mend it. */
export class EmbeddedError extends Error {
  readonly code: EmbeddedErrorCode;
  readonly remedy: string;
  readonly steps: readonly FailedStep[];

  constructor(
    code: EmbeddedErrorCode,
    message: string,
    remedy: string,
    options: { steps?: readonly FailedStep[]; cause?: unknown } = {},
  ) {
    const steps = options.steps ?? [];
    super([message, ...steps.map(({ step, reason }) => `  - ${step}: ${reason}`), remedy].join('\n'), {
      cause: options.cause,
    });
    this.name = 'EmbeddedError';
    this.code = code;
    this.remedy = remedy;
    this.steps = steps;
  }
}

/** The message of anything that was thrown, with the cause that fetch and the like hide one level down. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : '';
  return `${error.message.trim()}${cause}`;
}
