import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Id, Token, Usd } from './scalars.js';

/** How many windows one grant, and so one call, may concern. */
export const MOST_WINDOWS = 64;

/**
 * All figures are totals since the lease began, never increments, so a lost or doubled message changes nothing:
 * outstanding = granted - returned - consumed, where consumed is what settlements of this gateway took.
 */
export const leasesGrant = operation('leases.grant', {
  owner: 'cost-watchdog',
  summary: 'A gateway asks for slices of several windows at once; it gets all of them or none.',
  request: z.object({
    gateway: Token,
    windows: z
      .array(
        z.object({
          windowId: z.string(),
          /** Total granted so far, as far as this gateway knows. */
          grantedUsd: Usd,
          /** The least that is of use. */
          needUsd: Usd,
          /** What it would like; the watchdog gives between need and this, less as the window empties. */
          wantUsd: Usd,
          /**
           * The smallest whole hold that is of use to the call, what the gateway has already included: by this it is told
           * whether the window is used up. `needUsd` when absent.
           */
          leastUsd: Usd.optional(),
        }),
      )
      .min(1)
      .max(MOST_WINDOWS),
  }),
  reply: z.object({
    granted: z.boolean(),
    /** Totals as they now stand, also after a refusal. */
    windows: z.array(
      z.object({
        windowId: z.string(),
        grantedUsd: Usd,
        /** What the ledger has of the window, and how much of that is this gateway's; absent for one that is unknown. */
        settledUsd: Usd.optional(),
        consumedUsd: Usd.optional(),
      }),
    ),
    /**
     * `exhausted`: would not fit even if every hold came back; do not ask again for as much until the window or its limit changes.
     * `held`: may fit when calls in flight settle. `closed`: the window is over or unknown; read the budgets again.
     */
    refusal: z.object({ kind: z.enum(['exhausted', 'held', 'closed']), windowId: z.string() }).optional(),
  }),
});

export const leasesReturn = operation('leases.return', {
  owner: 'cost-watchdog',
  summary: 'A gateway gives back what it does not use.',
  request: z.object({
    gateway: Token,
    windows: z
      .array(z.object({ windowId: z.string(), /** Total returned so far, this one included. */ returnedUsd: Usd }))
      .max(1000),
  }),
  reply: z.object({ windows: z.array(z.object({ windowId: z.string(), returnedUsd: Usd })) }),
});

export const leasesRead = operation('leases.read', {
  owner: 'cost-watchdog',
  summary: 'The totals of all open leases of a gateway: what one that starts again takes up.',
  request: z.object({ gateway: Token }),
  reply: z.object({
    windows: z.array(z.object({ windowId: z.string(), grantedUsd: Usd, returnedUsd: Usd, consumedUsd: Usd })),
  }),
});

export const leasesRecall = fact('leases.recall', {
  by: 'cost-watchdog',
  summary: 'Every gateway is to return what it does not use of these windows at once (of all, when the list is empty).',
  data: z.object({
    windowIds: z.array(z.string()),
    exceptGateway: Id.optional(),
    revision: z.number().int(),
    taskBudgetsRevision: z.number().int(),
  }),
});
