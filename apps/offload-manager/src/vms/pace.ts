/** How long things may take before they count as failed. */
export const PACE = {
  /** From the intent to the first call. */
  requestMs: 2 * 60_000,
  /** From the first call to its component's health. */
  createMs: 15 * 60_000,
  /** Without a word from its agent, which speaks every 5 s. */
  silenceMs: 2 * 60_000,
  /** For the requests in flight. */
  drainMs: 60_000,
  /** One call of a platform. */
  callMs: 3 * 60_000,
  /** A zone without room is not asked again for so long. */
  badZoneMs: 15 * 60_000,
  /** After a failure; doubles. */
  retryMs: 2_000,
  mostRetryMs: 60_000,
} as const;
