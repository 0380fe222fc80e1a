import { port, serviceSettings, wholeBetween } from '@purser/service';
import { z } from 'zod';
import { capSetting, thresholdSettings } from './notices/spend-thresholds.js';

const onOff = z.stringbool('true or false').optional();
const addresses = z
  .string()
  .regex(/^[^\s@,]+@[^\s@,]+(\s*,\s*[^\s@,]+@[^\s@,]+)*$/, 'an address such as ops@example.org; several with commas')
  .optional();
const sender = z
  .string()
  .regex(
    /^(?:[^\s@,<>]+@[^\s@,<>]+|[^@,<>]*<[^\s@,<>]+@[^\s@,<>]+>)$/,
    'an address such as purser@example.org, or Purser <purser@example.org>',
  )
  .optional();

export const Config = z.object({
  ...serviceSettings,
  PURSER_WATCHDOG_PORT: port(8082),
  /** Mail is on where SMTP_SERVER and ALERT_EMAIL are set; `false` turns it off all the same. */
  ENABLE_EMAIL_ALERTS: onOff,
  ENABLE_DESKTOP_NOTIFICATIONS: onOff,
  ALERT_EMAIL: addresses,
  JARVIS_ALERT_EMAIL: addresses,
  SMTP_FROM: sender,
  SMTP_PORT: wholeBetween(1, 65_535, 'a port (1 to 65535) such as 587').optional(),
  ...capSetting,
  ...thresholdSettings,
  /** Ended alerts and how they were told: long enough to compare a month with that of the year before. 0 keeps all. */
  PURSER_ALERT_RETENTION_DAYS: wholeBetween(0, 36_500, 'a number of days such as 400; 0 keeps all').default(400),
  /** Reports on emergencies, in Postgres and on disk: few, and what people are asked about years later. 0 keeps all. */
  PURSER_REPORT_RETENTION_DAYS: wholeBetween(0, 36_500, 'a number of days such as 1825; 0 keeps all').default(1_825),
  /** Where Docker is, as for every other program; emergency.json says whether it is used. */
  DOCKER_HOST: z.string().optional(),
});
export type Config = z.output<typeof Config>;

/** Injection token of the environment, for the plugins' secrets alone. */
export const ENVIRONMENT = Symbol('environment');
