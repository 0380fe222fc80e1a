import { port, serviceSettings } from '@purser/service';
import { z } from 'zod';

export const Config = z.object({
  ...serviceSettings,
  PURSER_WATCHDOG_PORT: port(8082),
  /** Where Docker is, as for every other program; emergency.json says whether it is used. */
  DOCKER_HOST: z.string().optional(),
});
export type Config = z.output<typeof Config>;
