import { port, serviceSettings } from '@purser/service';
import { z } from 'zod';
import { credentialSettings } from './credentials/credential-settings.js';
import { offloadSettings } from './settings/offload-settings.js';
import { profilingSettings } from './settings/profiling-settings.js';

export const Config = z.object({
  ...serviceSettings,
  PURSER_OFFLOAD_PORT: port(8084),
  ...offloadSettings,
  ...credentialSettings,
  ...profilingSettings,
});
export type Config = z.output<typeof Config>;
