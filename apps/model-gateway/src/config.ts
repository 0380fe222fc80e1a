import { milliseconds, port, serviceSettings, wholeBetween } from '@purser/service';
import { z } from 'zod';

export const Config = z.object({
  ...serviceSettings,
  PURSER_GATEWAY_PORT: port(8080),
  /** How long a call waits for money that calls in flight hold, before the next tier is tried; 0 does not wait. */
  PURSER_HOLD_WAIT_MS: wholeBetween(0, 600_000, 'milliseconds from 0 to 600000, such as 2000').default(2_000),
  /** The longest that one attempt at a provider may take. */
  PURSER_CALL_TIMEOUT_MS: milliseconds(600_000),
  /** The longest silence inside a stream. */
  PURSER_STREAM_IDLE_MS: milliseconds(120_000),
  /** How long calls in flight may go on when the gateway is stopped. */
  PURSER_GRACE_MS: milliseconds(10_000),
});
export type Config = z.output<typeof Config>;

/** Injection token of the environment, for the plugins' secrets alone. */
export const ENVIRONMENT = Symbol('environment');
