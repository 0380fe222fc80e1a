import { milliseconds, port, serviceSettings, wholeBetween } from '@purser/service';
import { z } from 'zod';

export const Config = z.object({
  ...serviceSettings,
  /** The control API and the health endpoints. */
  PURSER_API_PORT: port(8081),
  /** How long a session lives without a heartbeat of its runner. */
  PURSER_LEASE_MS: milliseconds(8_000).pipe(z.number().min(1_000, 'at least 1000 (milliseconds)')),
  /** How long a finished task stays in the hot tables; 0 is for ever. */
  PURSER_TASK_RETENTION_DAYS: wholeBetween(0, 36_500, 'a number of days such as 30; 0 keeps all').default(30),
  /** What happens to it then. */
  PURSER_TASK_RETENTION: z.enum(['archive', 'delete'], { error: 'archive or delete' }).default('archive'),
});
export type Config = z.output<typeof Config>;
