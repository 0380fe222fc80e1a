import { port, serviceSettings } from '@purser/service';
import { z } from 'zod';

export const Config = z.object({ ...serviceSettings, PURSER_OFFLOAD_PORT: port(8084) });
export type Config = z.output<typeof Config>;
