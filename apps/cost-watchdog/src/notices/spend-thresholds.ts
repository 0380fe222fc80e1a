import { type Nano, parseUsd } from '@purser/money';
import { z } from 'zod';

/** Injection token of what the environment says. */
export const SPEND_THRESHOLDS = Symbol('spend-thresholds');

export type SpendThresholds = Readonly<Record<'day' | 'week' | 'month', Nano>>;

const dollars = (example: string) =>
  z.string().regex(/^\d{1,9}(\.\d{1,9})?$/, `dollars such as ${example}, at most 9 decimal places`);

/** Dollars above which people are told, once in each period. They stop nothing: budgets do. 0 turns one off. */
export const thresholdSettings = {
  COST_ALERT_DAILY: dollars('1.00').default('1.00'),
  COST_ALERT_WEEKLY: dollars('5.00').default('5.00'),
  COST_ALERT_MONTHLY: dollars('20.00').default('20.00'),
};

/** A hard limit: paid calls stop when so much is spent in a day. */
export const capSetting = { DAILY_SPEND_CAP: dollars('5.00').optional() };

export const thresholdsOf = (config: z.output<z.ZodObject<typeof thresholdSettings>>): SpendThresholds => ({
  day: parseUsd(config.COST_ALERT_DAILY),
  week: parseUsd(config.COST_ALERT_WEEKLY),
  month: parseUsd(config.COST_ALERT_MONTHLY),
});
