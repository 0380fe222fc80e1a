import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AlertSeverity, invalidRequest, PurserError, TimeZone, Token } from '@purser/contracts';
import { z } from 'zod';

/** Injection token of what config/alerts.json says. */
export const ALERTS_FILE = Symbol('alerts-file');

const TimeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day such as "08:00" or "22:30"');

const ChannelSettings = z.strictObject({
  minSeverity: AlertSeverity.optional().describe(
    'What is told by this channel: this severity and those above; else what the notifier is for',
  ),
  dailyReport: z.boolean().default(true).describe('Whether the daily report goes there'),
  quietHours: z.boolean().default(true).describe('Whether quiet hours hold for this channel'),
});

export const AlertsFile = z.strictObject({
  $schema: z.string().optional(),
  timezone: TimeZone.default('UTC').describe('Of quiet hours and of the daily report'),
  cooldownMinutes: z
    .number()
    .int()
    .min(0)
    .max(10_080)
    .default(60)
    .describe('People are told of the same alert again after this time at the earliest'),
  groupSeconds: z
    .number()
    .min(0)
    .max(600)
    .default(5)
    .describe('How long an alert waits for others that are to be told in the same notice'),
  quietHours: z
    .strictObject({ from: TimeOfDay, to: TimeOfDay })
    .optional()
    .describe('When people are told of nothing but critical alerts; the rest is told at the end'),
  dailyReport: z
    .union([z.literal(false), z.strictObject({ at: TimeOfDay })])
    .default({ at: '08:00' })
    .describe('When the report of the day before is sent; false for none'),
  channels: z
    .record(Token, ChannelSettings)
    .default({})
    .describe('By the name of a notifier in plugins.json, or "smtp", "desktop"'),
});
export type AlertsFile = z.output<typeof AlertsFile>;
export type ChannelSettings = z.output<typeof ChannelSettings>;

export const settingsOf = (file: AlertsFile, channel: string): ChannelSettings =>
  (Object.hasOwn(file.channels, channel) ? file.channels[channel] : undefined) ?? ChannelSettings.parse({});

/** Reads config/alerts.json; without one the defaults hold. A bad file stops the start. */
export async function loadAlertsFile(configDir: string): Promise<AlertsFile> {
  const path = join(configDir, 'alerts.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return AlertsFile.parse({});
    throw new PurserError('invalid_request', { message: `${path} cannot be read: ${(cause as Error).message}`, cause });
  }
  return parseAlertsFile(text, path);
}

export function parseAlertsFile(text: string, path: string): AlertsFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PurserError('invalid_request', { message: `${path} is not JSON: ${(cause as Error).message}`, cause });
  }
  const parsed = AlertsFile.safeParse(value);
  if (!parsed.success) throw invalidRequest(path, parsed.error);
  return parsed.data;
}

/** For editors: what may stand in config/alerts.json. */
export const alertsFileSchema = (): Record<string, unknown> => ({
  title: 'How people are told of alerts',
  ...z.toJSONSchema(AlertsFile, { io: 'input', reused: 'inline' }),
});
