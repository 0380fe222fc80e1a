import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Decision } from './emergency.js';
import { Id, Instant, limitUpTo, Priority, Token, Usd } from './scalars.js';

/** How many windows one grant, and so one call, may concern. */
export const MOST_WINDOWS = 64;

/**
 * All figures are totals since the lease began, never increments, so a lost or doubled message changes nothing:
 * outstanding = granted - returned - consumed - released, where consumed is what settlements of this gateway took, and
 * released what a person gave back to the window while the gateway was lost, until it is back and says what became of it.
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
    /** `releases` of the last `leases.read` of this gateway; 0 when absent. */
    releases: z.number().int().optional(),
    /** Of the call that is asked for: below that of a budget's reserve it is granted nothing of the reserve. 5 when absent. */
    priority: Priority.optional(),
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
        /**
         * Whether all that is settled and leased of the window, this grant included, leaves the budget's reserve untouched:
         * only then, and for a second from the asking, may what the gateway has leased be held for calls below the
         * reserve's priority. Absent where the budget has none.
         */
        reserveIntact: z.boolean().optional(),
      }),
    ),
    /**
     * `exhausted`: would not fit even if every hold came back; do not ask again for as much, with that priority, until the window or its limit changes.
     * `held`: may fit when calls in flight settle. `closed`: the window is over or unknown; read the budgets again.
     * `released`: what this gateway had of the window was released since it last read its leases; it has to read them first.
     */
    refusal: z.object({ kind: z.enum(['exhausted', 'held', 'closed', 'released']), windowId: z.string() }).optional(),
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
  summary:
    'The totals of all open leases of a gateway: what one takes up that starts again, or that may have been taken for lost.',
  request: z.object({ gateway: Token }),
  reply: z.object({
    /** Every release up to this one is in the figures. */
    releases: z.number().int(),
    windows: z.array(
      z.object({
        windowId: z.string(),
        grantedUsd: Usd,
        returnedUsd: Usd,
        consumedUsd: Usd,
        /** When not zero: nothing that was granted so far may be held for a call any more; what is not used goes back. */
        releasedUsd: Usd,
      }),
    ),
  }),
});

/** What a lost gateway holds of one window. */
export const PresumedLease = z.object({
  gateway: Token,
  windowId: z.string(),
  budgetId: Id,
  amountUsd: Usd,
  lostSince: Instant,
});
export type PresumedLease = z.infer<typeof PresumedLease>;

/** What was released, by whom and why. */
export const LeaseRelease = z.object({ ...PresumedLease.shape, by: z.string(), reason: z.string(), at: Instant });
export type LeaseRelease = z.infer<typeof LeaseRelease>;

export const leasesPresumed = operation('leases.presumed', {
  owner: 'cost-watchdog',
  summary: 'What lost gateways hold of windows that are not over, and what was released of such leases, newest first.',
  request: z.object({ limit: limitUpTo(1000, 100) }),
  reply: z.object({
    presumed: z.array(PresumedLease),
    /** At most `limit` of them. */
    releases: z.array(LeaseRelease),
  }),
  http: { method: 'GET', path: '/v1/leases/presumed' },
});

export const leasesRelease = operation('leases.release', {
  owner: 'cost-watchdog',
  summary:
    'Give back to its windows what a gateway that is lost for good holds of them. Done twice, the second time releases nothing.',
  request: z.strictObject({ gateway: Token, ...Decision.shape }),
  reply: z.object({ gateway: Token, released: z.array(LeaseRelease) }),
  http: { method: 'POST', path: '/v1/leases/release' },
});

export const leasesRecall = fact('leases.recall', {
  by: 'cost-watchdog',
  summary: 'Every gateway is to return what it does not use of these windows at once (of all, when the list is empty).',
  data: z.object({
    windowIds: z.array(z.string()),
    exceptGateway: Id.optional(),
    revision: z.number().int(),
    taskBudgetsRevision: z.number().int(),
    leaseReleases: z.number().int().optional(),
  }),
});
