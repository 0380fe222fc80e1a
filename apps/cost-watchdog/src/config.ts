import { port, serviceSettings } from '@purser/service';
import { z } from 'zod';
import { capSetting, thresholdSettings } from './notices/spend-thresholds.js';

export const Config = z.object({
  ...serviceSettings,
  PURSER_WATCHDOG_PORT: port(8082),
  ...capSetting,
  ...thresholdSettings,
});
export type Config = z.output<typeof Config>;
