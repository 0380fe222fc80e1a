import { z } from 'zod';
import { fieldIssues } from './field-issues.js';

interface ErrorKind {
  /** Status on HTTP; also sent as `Nats-Service-Error-Code` on the bus. */
  status: number;
  /** Whether the same request may succeed later without being changed. */
  retryable: boolean;
  meaning: string;
}

/** Every error that crosses a process boundary. Compare `code`, never `instanceof`. docs/errors.md is checked against this table. */
export const ERRORS = {
  invalid_request: {
    status: 422,
    retryable: false,
    meaning: 'The input is wrong; `details.issues` names each field and what it must be.',
  },
  unauthorized: { status: 401, retryable: false, meaning: 'No key, or a key that is unknown, revoked or expired.' },
  forbidden: { status: 403, retryable: false, meaning: 'The key is valid but may not do this.' },
  not_found: { status: 404, retryable: false, meaning: 'There is nothing with this id.' },
  conflict: {
    status: 409,
    retryable: false,
    meaning: 'The state of the thing does not allow this; `details` says which state it is in.',
  },
  stale_epoch: {
    status: 409,
    retryable: false,
    meaning: 'A newer session owns the task; what this one wrote was refused.',
  },
  payload_too_large: {
    status: 413,
    retryable: false,
    meaning: 'The message is larger than the limit that `details` names.',
  },
  unsupported_parameter: {
    status: 400,
    retryable: false,
    meaning: 'No tier that is left can honour the parameter that `details` names.',
  },
  budget_exhausted: {
    status: 402,
    retryable: false,
    meaning:
      'No tier is affordable and no free one is left; raise the budget or wait for its window to end. The model endpoints call it `budget_exceeded`, as other gateways do.',
  },
  client_side_tier: {
    status: 409,
    retryable: false,
    meaning: 'The only tier that is left runs at the client; `details` says what to do there.',
  },
  budget_held: {
    status: 429,
    retryable: true,
    meaning: 'The money that is left is held by calls in flight; try again shortly.',
  },
  rate_limited: {
    status: 429,
    retryable: true,
    meaning:
      'The key has used up its requests or tokens of this minute; `details.retryAfterMs` says when the next one begins.',
  },
  emergency: {
    status: 403,
    retryable: false,
    meaning: 'The emergency latch is set (or cannot be read); a person must reset it.',
  },
  no_tier: { status: 503, retryable: true, meaning: 'Every tier was passed over; `details.tiers` says why for each.' },
  provider_failed: { status: 502, retryable: true, meaning: 'The provider failed after the call had begun.' },
  unavailable: { status: 503, retryable: true, meaning: 'A service or server that is needed cannot be reached now.' },
  timeout: {
    status: 504,
    retryable: true,
    meaning: 'No answer in time. The request may still have been carried out; repeat it with the same id.',
  },
  internal: {
    status: 500,
    retryable: false,
    meaning: 'A defect in Purser; the log has the cause under the same request id.',
  },
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERRORS;

export interface PurserErrorOptions {
  message?: string;
  details?: Record<string, unknown>;
  cause?: unknown;
}

export class PurserError extends Error {
  readonly code: ErrorCode;
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, { message, details = {}, cause }: PurserErrorOptions = {}) {
    super(message ?? ERRORS[code].meaning, { cause });
    this.name = 'PurserError';
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }

  toJSON(): ErrorBody {
    return { code: this.code, message: this.message, details: this.details };
  }
}

const codes = Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]];

/** The error as it travels: in a reply on the bus as `{error: ErrorBody}`, in an HTTP answer likewise. */
export const ErrorBody = z.object({
  code: z.enum(codes),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).default({}),
});
export type ErrorBody = z.infer<typeof ErrorBody>;

export const ErrorReply = z.object({ error: ErrorBody });

/** Whether a thrown value is (in code, not in class) one of ours. */
export function isPurserError(value: unknown): value is PurserError {
  return (
    value instanceof Error && 'code' in value && typeof value.code === 'string' && Object.hasOwn(ERRORS, value.code)
  );
}

interface Issue {
  field: string;
  problem: string;
}

const issueText = ({ field, problem }: Issue): string => `${field}: ${problem}`;

/** Turns a failed zod parse into the error that names each field, what was wrong and what would be right. */
export function invalidRequest(what: string, error: z.ZodError): PurserError {
  const issues = error.issues
    .flatMap((issue) => fieldIssues(issue))
    .map(({ path, message }) => ({ field: path.join('.') || '(whole)', problem: message }));
  const shown = issues.slice(0, 3).map(issueText);
  const more = issues.length > 3 ? `; and ${issues.length - 3} more` : '';
  return new PurserError('invalid_request', {
    message: `${what}: ${shown.join('; ')}${more}`,
    details: { issues },
    cause: error,
  });
}

/** All that is wrong, a line each: the message of `invalidRequest` shows only the first three. */
export function problemLines(error: PurserError): string[] {
  const { issues } = error.details as { issues?: Issue[] };
  const first = issues?.[0];
  const at = first === undefined ? -1 : error.message.indexOf(issueText(first));
  if (issues === undefined || at < 0) return error.message.split('\n');
  return issues.map((issue) => error.message.slice(0, at) + issueText(issue));
}
