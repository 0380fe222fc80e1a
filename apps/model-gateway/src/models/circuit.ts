import type { ProviderError } from '@purser/plugin-sdk';
import {
  circuitBreaker,
  type CircuitBreakerPolicy,
  CircuitState,
  handleAll,
  type IBackoff,
  type IHalfOpenAfterBackoffContext,
} from 'cockatiel';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const PATIENCE: Record<'passing' | 'lasting', { first: number; last: number }> = {
  passing: { first: SECOND, last: MINUTE },
  // A refused key does not mend itself within seconds.
  lasting: { first: MINUTE, last: 10 * MINUTE },
};
/** So many failures in a row that cost nothing. */
const IN_A_ROW = 3;
/** Who asks while the one call that tries is under way may ask again after this. */
const TRYING_MS = SECOND;

/** Nobody knows how the call would have ended. */
const ABANDONED = new Error('the call was given up before it was answered');

/** One failure is enough where the next would cost money too, or where the provider itself said for how long or for good. */
const opensAtOnce = ({ kind, mayBill, retryAfterMs }: ProviderError): boolean =>
  mayBill || retryAfterMs !== undefined || kind === 'auth' || kind === 'model_not_found';

/** What the provider asks for is believed at first; when that was not enough, it is left alone for longer. */
function durationOf({ kind, retryAfterMs }: ProviderError, failures: number): number {
  const { first, last } = PATIENCE[kind === 'auth' ? 'lasting' : 'passing'];
  const doublings = Math.min(retryAfterMs === undefined ? failures - 1 : failures - 2, 20);
  const own = doublings < 0 ? 0 : Math.min(last, first * 2 ** doublings);
  return Math.max(own, Math.min(retryAfterMs ?? 0, 60 * MINUTE));
}

/** The right to make one call; told how it began, once. */
export interface Turn {
  succeeded(): void;
  /** Resolves when the circuit has taken it up. */
  failed(error: ProviderError): Promise<void>;
  /** Says nothing about the provider: the client left, or the call was not made. */
  abandoned(): void;
}

export interface Opened {
  ms: number;
  reason: string;
  error: ProviderError;
}

/** Leaves what failed alone for a while that doubles each time the one call that then tries it fails too. */
export class Circuit {
  private readonly policy: CircuitBreakerPolicy;
  /** By the wall clock, as cockatiel counts. */
  private until = 0;
  private reason = '';
  private failuresInARow = 0;

  constructor(private readonly onOpen: (opened: Opened) => void) {
    this.policy = circuitBreaker(handleAll, {
      breaker: {
        state: undefined,
        success: () => (this.failuresInARow = 0),
        failure: () => this.opens(),
      },
      halfOpenAfter: { next: (context) => this.open(context, 0) },
    });
  }

  /** How long it is still to be left alone, and why; undefined when it may be called. */
  waiting(): { ms: number; reason: string } | undefined {
    const { reason } = this;
    if (this.policy.state === CircuitState.HalfOpen) return { ms: TRYING_MS, reason: `being tried again; ${reason}` };
    const ms = this.policy.state === CircuitState.Open ? this.until - Date.now() : 0;
    return ms > 0 ? { ms, reason } : undefined;
  }

  /** Only when nothing waits: cockatiel would let it queue behind the call that tries. */
  enter(): Turn {
    return this.policy.state === CircuitState.Closed ? this.closedTurn : this.tryingTurn();
  }

  /** Of all calls while it is closed, when only failures are news: cockatiel costs more than all else that a call asks here. */
  private readonly closedTurn: Turn = {
    succeeded: () => {
      this.failuresInARow = 0;
    },
    failed: (error) => this.tell(error),
    abandoned: () => undefined,
  };

  private tryingTurn(): Turn {
    const { promise, resolve, reject } = withResolvers();
    // Cockatiel may refuse to wait for it: its clock starts a little later than ours.
    promise.catch(() => undefined);
    const taken = this.policy
      .execute(() => promise)
      .then(
        () => undefined,
        () => undefined,
      );
    return {
      succeeded: resolve,
      failed: (error) => {
        reject(error);
        return taken;
      },
      abandoned: () => reject(ABANDONED),
    };
  }

  /** What was well begun failed after all. */
  brokeOff(error: ProviderError): Promise<void> {
    return this.tell(error);
  }

  /** While it is open or being tried, that is told by others. */
  private async tell(error: ProviderError): Promise<void> {
    if (this.policy.state === CircuitState.Closed)
      await this.policy.execute(() => Promise.reject(error)).catch(() => undefined);
  }

  private get lastError(): unknown {
    const { lastFailure } = this.policy;
    return lastFailure && 'error' in lastFailure ? lastFailure.error : undefined;
  }

  private opens(): boolean {
    const error = this.lastError;
    if (error === ABANDONED) return false;
    this.failuresInARow += 1;
    return opensAtOnce(error as ProviderError) || this.failuresInARow >= IN_A_ROW;
  }

  /** A call that tried and was abandoned closes nothing and leaves nothing open: the next one tries. */
  private open({ result }: IHalfOpenAfterBackoffContext, failures: number): IBackoff<IHalfOpenAfterBackoffContext> {
    const thrown = 'error' in result ? result.error : undefined;
    const error = thrown === ABANDONED ? undefined : (thrown as ProviderError);
    const now = error ? failures + 1 : failures;
    const duration = error ? durationOf(error, now) : 0;
    // One more, since cockatiel starts to count a little later.
    this.until = Date.now() + duration + (error ? 1 : 0);
    if (error) {
      this.reason = `${error.kind}: ${error.message}`;
      this.onOpen({ ms: duration, reason: this.reason, error });
    }
    return { duration, next: (context) => this.open(context, now) };
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void; reject: (error: Error) => void } {
  let resolve = (): void => undefined;
  let reject = (_: Error): void => undefined;
  const promise = new Promise<void>((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}
