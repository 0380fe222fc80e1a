import { z } from 'zod';
import { operation } from './contract.js';
import { Instant, limitUpTo, Usd } from './scalars.js';

/**
 * Spent this month, and for each day left what is usual on that day of the week. The band is the same with days that are
 * cheaper than nine of ten (P10) and dearer than nine of ten (P90).
 */
export const Forecast = z.object({
  /** False before seven whole days are known; then there are no figures. */
  enough: z.boolean(),
  /** Whole days that it goes by, at most 56. */
  days: z.number().int(),
  projectedUsd: Usd.nullable(),
  lowUsd: Usd.nullable(),
  highUsd: Usd.nullable(),
});
export type Forecast = z.infer<typeof Forecast>;

export const ModelInUse = z.object({
  provider: z.string(),
  model: z.string(),
  tier: z.string(),
  capability: z.string().nullable(),
  at: Instant,
});

export const costsSummary = operation('costs.summary', {
  owner: 'cost-watchdog',
  summary:
    'What was spent today, this week and this month (UTC), in all and by provider and model, and what is to come.',
  request: z.object({}),
  reply: z.object({
    at: Instant,
    /** All that is in the ledger: metered, reported where it is not metered as well, and corrections. */
    todayUsd: Usd,
    weekUsd: Usd,
    monthUsd: Usd,
    byProvider: z.array(
      z.object({ provider: z.string(), model: z.string(), monthUsd: Usd, requests: z.number().int() }),
    ),
    /** What answered the last call. */
    inUse: ModelInUse.nullable().default(null),
    forecast: Forecast.default({ enough: false, days: 0, projectedUsd: null, lowUsd: null, highUsd: null }),
    /** This month, against the first paid tier of each call's ladder; calls of which that is not known count for nothing. */
    savedUsd: Usd.default('0.00'),
  }),
  http: { method: 'GET', path: '/v1/costs' },
});

export const costsHistory = operation('costs.history', {
  owner: 'cost-watchdog',
  summary: 'Spend by hour or day (UTC) and provider, oldest first; as CSV with `Accept: text/csv`.',
  request: z.object({
    by: z.enum(['hour', 'day']).default('day'),
    since: Instant.optional(),
    until: Instant.optional(),
    limit: limitUpTo(10_000, 1_000),
  }),
  reply: z.object({
    spend: z.array(
      z.object({
        at: Instant,
        provider: z.string(),
        amountUsd: Usd,
        inputTokens: z.number().int(),
        outputTokens: z.number().int(),
        requests: z.number().int(),
      }),
    ),
  }),
  http: { method: 'GET', path: '/v1/costs/history', csv: 'spend' },
});
