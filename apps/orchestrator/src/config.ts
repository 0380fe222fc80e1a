import { milliseconds, port, serviceSettings } from '@purser/service';
import { z } from 'zod';

export const Config = z.object({
  ...serviceSettings,
  /** The control API and the health endpoints. */
  PURSER_API_PORT: port(8081),
  /** How long a session lives without a heartbeat of its runner. */
  PURSER_LEASE_MS: milliseconds(8_000).pipe(z.number().min(1_000, 'at least 1000 (milliseconds)')),
});
export type Config = z.output<typeof Config>;
