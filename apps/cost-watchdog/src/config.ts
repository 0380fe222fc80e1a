import { port, serviceSettings } from '@purser/service';
import { z } from 'zod';

export const Config = z.object({ ...serviceSettings, PURSER_WATCHDOG_PORT: port(8082) });
export type Config = z.output<typeof Config>;
