import { PurserError } from '@purser/contracts';
import type { KeyRules } from './caller.js';
import type { Amounts } from './minute-share.js';

/** How a key's minute stands, as far as this gateway knows. */
export interface RateState {
  limits: Pick<KeyRules, 'requestsPerMinute' | 'tokensPerMinute'>;
  left: Amounts;
  /** Until the next minute begins. */
  resetMs: number;
}

/** The key has used up its minute. */
export function rateLimited(key: string, need: Amounts, rate: RateState): PurserError {
  const { limits, left } = rate;
  const which = left.requests < need.requests ? 'requests' : 'tokens';
  const limit = which === 'requests' ? limits.requestsPerMinute : limits.tokensPerMinute;
  const rest = which === 'tokens' ? `; this call may take ${need.tokens} and ${Math.max(0, left.tokens)} are left` : '';
  return new PurserError('rate_limited', {
    message: `the key "${key}" may use ${limit} ${which} a minute${rest}; try again in ${retrySeconds(rate)} s`,
    details: { key, limit: which, retryAfterMs: Math.max(1, Math.ceil(rate.resetMs)), rate },
  });
}

export const retrySeconds = ({ resetMs }: RateState): number => Math.max(1, Math.ceil(resetMs / 1_000));

/** No minute is long enough for it, so that it makes no sense to try again. */
export const neverFits = (key: string, tokens: number, tokensPerMinute: number): PurserError =>
  new PurserError('payload_too_large', {
    message: `this call may take ${tokens} tokens, and the key "${key}" may use ${tokensPerMinute} a minute; lower max_tokens, send less, or raise the key's limit`,
    details: { key, tokens, tokensPerMinute },
  });

/** `1m3s`, `450ms`: as OpenAI's clients know it. */
function duration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.ceil(ms))}ms`;
  const seconds = Math.ceil(ms / 1_000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/** OpenAI's headers, for what has a limit. */
export function rateLimitHeaders({ limits, left, resetMs }: RateState): Record<string, string> {
  const of = (what: keyof Amounts, limit: number | null): [string, string][] =>
    limit === null
      ? []
      : [
          [`x-ratelimit-limit-${what}`, String(limit)],
          [`x-ratelimit-remaining-${what}`, String(Math.max(0, Math.floor(left[what])))],
          [`x-ratelimit-reset-${what}`, duration(resetMs)],
        ];
  return Object.fromEntries([...of('requests', limits.requestsPerMinute), ...of('tokens', limits.tokensPerMinute)]);
}
