import { z } from 'zod';
import { operation } from './contract.js';
import { Instant, Token, Usd } from './scalars.js';

/** Somebody's books, as this installation reads them. */
export const CostSourceStatus = z.object({
  name: z.string(),
  /** The package or path of its plugin. */
  use: z.string(),
  /** As the ledger and budgets name it; null for a plugin that could not be loaded. */
  provider: Token.nullable(),
  /**
   * `waiting`: not read yet. `failing`: the last reading failed. `stale`: nothing new in it for longer than it says is usual.
   * `refused`: its plugin could not be loaded, or is misconfigured. Of all but `ok` the spend is not known, and not zero.
   */
  state: z.enum(['waiting', 'ok', 'failing', 'stale', 'refused']),
  /** What is wrong, and how to mend it. */
  error: z.string().nullable(),
  failures: z.number().int(),
  failingSince: Instant.nullable(),
  /** `added`: its amounts are in the ledger and in budgets. `reconciled`: they are compared with what was metered. */
  counts: z.enum(['added', 'reconciled']).nullable(),
  lastSuccessAt: Instant.nullable(),
  /** When anything in the books was last new. */
  lastNewsAt: Instant.nullable(),
  dataUpTo: Instant.nullable(),
  nextAt: Instant.nullable(),
  everySeconds: z.number().nullable(),
  staleAfterSeconds: z.number().nullable(),
  /** What its books say of this month (UTC); null as long as they say nothing. */
  monthUsd: Usd.nullable(),
  /** Of the days of this month that its books know: what they say, what was metered, and the difference in percent of that. */
  drift: z
    .object({ reportedUsd: Usd, meteredUsd: Usd, percent: z.number().nullable(), drifting: z.boolean() })
    .nullable(),
  /** What asking it cost, this month and in all. */
  ownMonthUsd: Usd,
  ownTotalUsd: Usd,
});
export type CostSourceStatus = z.infer<typeof CostSourceStatus>;

export const sourcesList = operation('sources.list', {
  owner: 'cost-watchdog',
  summary: 'The cost sources: how old what they tell is, what they cost themselves, and what is wrong with them.',
  request: z.object({}),
  reply: z.object({ sources: z.array(CostSourceStatus) }),
  http: { method: 'GET', path: '/v1/sources' },
});

export const sourcesRead = operation('sources.read', {
  owner: 'cost-watchdog',
  summary: 'Ask a cost source now, whenever it was due; what that costs is charged as ever.',
  request: z.object({ name: z.string().min(1).max(200) }),
  /** It is asked within seconds; `sources.list` tells what came of it. */
  reply: z.object({ name: z.string(), askedFrom: Instant }),
  http: { method: 'POST', path: '/v1/sources/:name/read', status: 202 },
});
