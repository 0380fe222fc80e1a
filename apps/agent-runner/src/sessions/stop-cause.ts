/** Why a session is asked to end before its program does by itself. */
export type StopCause =
  | { kind: 'resource'; resource: string; reason: string }
  /** No budget covers its next call, and its task is not to go on for free. */
  | { kind: 'budget'; reason: string }
  | { kind: 'cancelled' }
  | { kind: 'paused' }
  | { kind: 'shutdown' }
  | { kind: 'emergency'; reason: string }
  | { kind: 'lease' };

export function inWords(cause: StopCause): string {
  switch (cause.kind) {
    case 'resource':
    case 'budget':
      return cause.reason;
    case 'cancelled':
      return 'the task was cancelled, or its deadline has passed';
    case 'paused':
      return 'the task was paused';
    case 'shutdown':
      return 'the runner shuts down';
    case 'emergency':
      return `emergency: ${cause.reason}`;
    case 'lease':
      return 'the lease could not be renewed';
  }
}

/** A label for metrics: few values, whatever the reasons are. */
export const labelOf = (cause: StopCause): string => (cause.kind === 'resource' ? cause.resource : cause.kind);
