import { conceal, passes, retryAfterMs, TryAgain } from '@purser/plugin-sdk';
import { RequestError } from 'octokit';
import type { GithubBillingConfig } from './config.js';

/** When GitHub takes requests again: `Retry-After`, or the moment at which a used up limit is renewed. */
function leftAloneMs(headers: Headers, now: number): number | undefined {
  const asked = retryAfterMs(headers, now);
  if (asked !== undefined || headers.get('x-ratelimit-remaining') !== '0') return asked;
  const reset = Number.parseInt(headers.get('x-ratelimit-reset') ?? '', 10);
  return Number.isNaN(reset) ? undefined : Math.max(0, reset * 1000 - now);
}

function remedy(status: number, { organization, username }: GithubBillingConfig): string | undefined {
  if (status === 401) return 'The token is wrong or has expired: make one at https://github.com/settings/tokens';
  // GitHub also denies that a thing exists to those who may not see it.
  if (status !== 403 && status !== 404) return undefined;
  return organization === undefined
    ? `The token must be one of ${username}: fine-grained with the user permission "Plan" (read), or classic with the scope "user"`
    : `The token must be one of an owner or billing manager of ${organization}: fine-grained with the organization permission "Administration" (read), or classic with the scope "admin:org"; and the organization must be on GitHub’s enhanced billing platform`;
}

/** The error for a request that failed; a TryAgain when it may go well later. */
export function refusal(error: unknown, config: GithubBillingConfig, token: string, now = Date.now()): unknown {
  if (!(error instanceof RequestError)) return error;
  const { status, message, response } = error;
  const at = `GitHub’s billing at ${new URL(config.baseUrl).origin}`;
  if (response === undefined) return new TryAgain(conceal(`${at}: ${message}`, [token]));
  const headers = new Headers(
    Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]),
  );
  const told = conceal(`${at} answered with status ${status}: ${message}`, [token]);
  const wait = leftAloneMs(headers, now);
  // Its limits are told with status 403 too.
  if (passes(status) || (status === 403 && wait !== undefined)) return new TryAgain(told, wait);
  const mend = remedy(status, config);
  return new Error(mend === undefined ? told : `${told}. ${mend}`);
}
