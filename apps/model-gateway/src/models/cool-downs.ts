import type { ProviderError } from '@purser/plugin-sdk';

interface CoolDown {
  until: number;
  failures: number;
  reason: string;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const PATIENCE: Record<'passing' | 'auth', { first: number; last: number }> = {
  passing: { first: SECOND, last: MINUTE },
  // A refused key does not mend itself within seconds.
  auth: { first: MINUTE, last: 10 * MINUTE },
};

/** No connection came about at all. */
const isUnreachable = ({ kind, mayBill, status }: ProviderError): boolean =>
  (kind === 'connection' || kind === 'timeout') && !mayBill && status === undefined;

/** Providers and models that failed a moment ago, left alone for a while that doubles with each failure. */
export class CoolDowns {
  private readonly running = new Map<string, CoolDown>();

  constructor(private readonly now: () => number) {}

  /**
   * A refused key and a provider that cannot be reached concern all its models. Whatever else fails, a stream that breaks
   * off too, is that model's matter. A refused request is nobody's.
   */
  failed(provider: string, model: string, error: ProviderError): void {
    if (error.kind === 'invalid_request') return;
    const ofProvider = error.kind === 'auth' || isUnreachable(error);
    const id = ofProvider ? provider : `${provider}/${model}`;
    const failures = (this.running.get(id)?.failures ?? 0) + 1;
    const { first, last } = PATIENCE[error.kind === 'auth' ? 'auth' : 'passing'];
    const own = Math.min(last, first * 2 ** Math.min(failures - 1, 20));
    const asked = Math.min(error.retryAfterMs ?? 0, 60 * MINUTE);
    this.running.set(id, {
      until: this.now() + Math.max(own, asked),
      failures,
      reason: `${error.kind}: ${error.message}`,
    });
  }

  succeeded(provider: string, model: string): void {
    this.running.delete(provider);
    this.running.delete(`${provider}/${model}`);
  }

  /** How long it is still to be left alone, and why; undefined when it may be called. */
  waiting(provider: string, model: string): { ms: number; reason: string } | undefined {
    const now = this.now();
    for (const id of [provider, `${provider}/${model}`]) {
      const found = this.running.get(id);
      if (found && found.until > now) return { ms: found.until - now, reason: found.reason };
    }
    return undefined;
  }
}
