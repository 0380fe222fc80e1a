import { Budget } from '@purser/contracts';

export const DAILY_SPEND_CAP_ID = 'daily-spend-cap';

/** What DAILY_SPEND_CAP stands for. Paid calls stop at it; free tiers go on. */
export const dailySpendCap = (limitUsd: string): Budget =>
  Budget.parse({ id: DAILY_SPEND_CAP_ID, period: 'day', limitUsd, thresholds: { warning: 0.8 } });
