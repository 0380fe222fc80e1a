import type { FailedRequest } from '@purser/service';

/** By its path, or by the header that Anthropic requires of its clients: `/v1/models` is the same path for all. */
export const speaksAnthropic = ({ path, headers }: FailedRequest): boolean =>
  /^\/v1\/messages(\/|$)/.test(path) || headers['anthropic-version'] !== undefined;
