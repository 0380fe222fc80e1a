import { z } from 'zod';
import { fact, operation } from './contract.js';
import { Id, Instant, limitUpTo, Priority, Token, Usd, UsdInput } from './scalars.js';

/** A call counts against every budget whose scope matches it; an empty scope matches all. */
export const BudgetScope = z.strictObject({
  provider: Token.optional(),
  project: Token.optional(),
  key: Id.optional(),
  task: Id.optional(),
});
export type BudgetScope = z.infer<typeof BudgetScope>;

/** Calendar periods begin at midnight in the budget's time zone; `{hours}` is a rolling window of whole hours. */
export const BudgetPeriod = z.union(
  [z.enum(['day', 'week', 'month', 'total']), z.strictObject({ hours: z.number().int().min(1).max(8784) })],
  { error: '"day", "week", "month", "total", or rolling whole hours such as {"hours": 24}, at most 8784' },
);
export type BudgetPeriod = z.infer<typeof BudgetPeriod>;

export const WeekDay = z.enum(['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']);
export type WeekDay = z.infer<typeof WeekDay>;

const zones = new Set([...Intl.supportedValuesOf('timeZone'), 'UTC']);

/** Also by a name that is not the one in the list: "Asia/Kolkata", which is listed as "Asia/Calcutta". */
function isZone(zone: string): boolean {
  if (zones.has(zone)) return true;
  if (!/^[A-Z][A-Za-z]+\/\w/.test(zone)) return false;
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

export const TimeZone = z.string().refine(isZone, 'an IANA time zone such as "Europe/Berlin" or "UTC"');

/**
 * Parts of the limit, in order. At `warning` and `critical` only the level changes. Past `cutoff` nothing is granted:
 * 0.9 of $10 means that paid calls stop at $9.
 */
export const Thresholds = z
  .strictObject({
    warning: z.number().positive().max(1).default(0.75),
    critical: z.number().positive().max(1).default(0.9),
    cutoff: z.number().positive().max(1).default(1),
  })
  .refine((t) => t.warning <= t.critical && t.critical <= t.cutoff, 'warning <= critical <= cutoff');

/** From 1: nothing can be kept from calls of priority 0 for others that are as important. */
const minPriority = Priority.min(1);

/**
 * The last part of the limit, kept for important calls: those of a lower priority than `minPriority` see a limit that is
 * smaller by so much, of which all that is spent takes, whoever spent it.
 */
export const BudgetReserve = z.union(
  [
    /** A part of the limit, as the thresholds are. */
    z.strictObject({ share: z.number().positive().max(1), minPriority }),
    z.strictObject({ amountUsd: UsdInput, minPriority }),
  ],
  {
    error:
      '{"share": 0.1, "minPriority": 8} or {"amountUsd": "5", "minPriority": 8}: a part of the limit above 0 and at most 1, or dollars, and the least priority that may use it, 1 to 9',
  },
);
export type BudgetReserve = z.output<typeof BudgetReserve>;

export const Budget = z.strictObject({
  id: Id,
  scope: BudgetScope.default({}),
  period: BudgetPeriod,
  timezone: TimeZone.default('UTC'),
  /** Of `week`, in the budget's time zone; Monday when absent. */
  weekStart: WeekDay.optional(),
  limitUsd: UsdInput,
  thresholds: Thresholds.prefault({}),
  /** When no paid call fits: go on with free tiers, refuse the call, or (once `exhausted`) set the emergency latch. */
  onExhausted: z.enum(['free', 'block', 'shutdown']).default('free'),
  reserve: BudgetReserve.optional(),
});
export type Budget = z.output<typeof Budget>;
export type BudgetInput = z.input<typeof Budget>;

/**
 * By what is settled or presumed, against the thresholds. `exhausted` also as soon as a call is refused for good while
 * the level is `critical`: holds are larger than costs, so the last cents rarely go. It lasts until the limit changes or
 * the next window begins.
 */
export const BudgetLevel = z.enum(['ok', 'warning', 'critical', 'exhausted']);
export type BudgetLevel = z.infer<typeof BudgetLevel>;

export const BudgetWindow = z.object({
  id: z.string(),
  startsAt: Instant,
  /** Null for `total`, and for a rolling window, which never closes: its start moves on, by whole hours. */
  endsAt: Instant.nullable(),
  /** Recorded in the ledger, presumed amounts included. May lie above the limit: settlements are always recorded. */
  settledUsd: Usd,
  /** Set aside for gateways and not yet settled. */
  leasedUsd: Usd,
  /** The part of `leasedUsd` whose gateway is gone: taken as spent until it comes back and says what it spent. */
  presumedUsd: Usd,
  /** What can still be granted: limit x cutoff - settled - leased, never below zero. */
  remainingUsd: Usd,
  /** With a reserve, its dollars: a part of limit x cutoff, at most all of it. */
  reservedUsd: Usd.optional(),
  /** With a reserve, what of `remainingUsd` can be granted to calls below its priority. */
  unreservedUsd: Usd.optional(),
});
export type BudgetWindow = z.infer<typeof BudgetWindow>;

export const BudgetStatus = z.object({ ...Budget.shape, limitUsd: Usd, level: BudgetLevel, window: BudgetWindow });
export type BudgetStatus = z.infer<typeof BudgetStatus>;

export const BudgetsSnapshot = z.object({
  /**
   * Grows with every change of the definition or window of a budget that is not a task's; a gateway whose copy is older
   * asks again before it pays.
   */
  revision: z.number().int(),
  /** The same for the definitions of budgets of tasks, which come in thousands: `budgets.changed` says whose they are. */
  taskBudgetsRevision: z.number().int(),
  budgets: z.array(BudgetStatus),
});
export type BudgetsSnapshot = z.infer<typeof BudgetsSnapshot>;

export const budgetsList = operation('budgets.list', {
  owner: 'cost-watchdog',
  summary: 'The budgets with their current window and level.',
  /**
   * Without `task`: all budgets but those of quiet tasks (nothing spent, set or held for an hour). With it: the budgets of
   * that task alone, quiet or not. With `only: "general"`: all that are not a task's. Gateways ask for these two.
   */
  request: z.object({ task: Id.optional(), only: z.enum(['general']).optional() }),
  reply: BudgetsSnapshot,
  http: { method: 'GET', path: '/v1/budgets' },
});

export const budgetsChanged = operation('budgets.changed', {
  owner: 'cost-watchdog',
  summary: 'The tasks whose budgets were set, changed or deleted since a revision: what a gateway has to read again.',
  request: z.object({ since: z.number().int().min(0) }),
  reply: z.object({
    taskBudgetsRevision: z.number().int(),
    /** Null when there are too many to name: then it may be any. */
    tasks: z.array(Id).nullable(),
  }),
});

export const budgetsSet = operation('budgets.set', {
  owner: 'cost-watchdog',
  summary: 'Create or change a budget. What is already spent in its window counts.',
  request: z.strictObject({
    ...Budget.shape,
    by: z.string().min(1).max(200).default('unnamed'),
    reason: z.string().max(500).default(''),
  }),
  reply: BudgetStatus,
  http: { method: 'PUT', path: '/v1/budgets/:id' },
});

export const budgetsDelete = operation('budgets.delete', {
  owner: 'cost-watchdog',
  summary: 'Remove a budget; its windows and the ledger stay. Not that of a task: it goes when the task has ended.',
  request: z.object({
    id: Id,
    by: z.string().min(1).max(200).default('unnamed'),
    reason: z.string().max(500).default(''),
  }),
  reply: z.object({ id: Id, deleted: z.boolean() }),
  http: { method: 'DELETE', path: '/v1/budgets/:id' },
});

export const budgetsRetire = operation('budgets.retire', {
  owner: 'cost-watchdog',
  summary: 'Remove the budget of a task that has ended; only the orchestrator knows that it has.',
  request: z.object({ task: Id }),
  reply: z.object({ id: Id, deleted: z.boolean() }),
});

/** A definition as it was then. */
const Definition = z.object(Budget.shape).nullable();

export const BudgetChange = z.object({
  seq: z.string(),
  budgetId: Id,
  at: Instant,
  by: z.string(),
  reason: z.string(),
  /** Null: there was none, or none is left. */
  before: Definition,
  after: Definition,
});
export type BudgetChange = z.infer<typeof BudgetChange>;

export const budgetsHistory = operation('budgets.history', {
  owner: 'cost-watchdog',
  summary: 'Who changed a budget, when, why, from what to what; newest first. Of deleted ones too.',
  request: z.object({
    id: Id,
    limit: limitUpTo(1000, 100),
    before: z
      .string()
      .regex(/^\d{1,18}$/)
      .optional(),
  }),
  reply: z.object({ changes: z.array(BudgetChange), next: z.string().nullable() }),
  http: { method: 'GET', path: '/v1/budgets/:id/history' },
});

const level = (name: BudgetLevel, summary: string) =>
  fact(`budget.${name}`, {
    by: 'cost-watchdog',
    id: 'budgetId',
    stream: 'FACTS',
    summary,
    data: z.object({ budgetId: Id, level: BudgetLevel, previous: BudgetLevel, limitUsd: Usd, window: BudgetWindow }),
  });

export const budgetOk = level('ok', 'A budget is below its warning threshold again: a new window, or a raised limit.');
export const budgetWarning = level('warning', 'A budget passed its warning threshold.');
export const budgetCritical = level('critical', 'A budget passed its critical threshold.');
export const budgetExhausted = level(
  'exhausted',
  'A budget passed its cutoff, or what is left of it no longer covers a call; its onExhausted action applies.',
);
export const budgetFacts = {
  ok: budgetOk,
  warning: budgetWarning,
  critical: budgetCritical,
  exhausted: budgetExhausted,
};
