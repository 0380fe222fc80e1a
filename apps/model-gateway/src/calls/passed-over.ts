import { PurserError } from '@purser/contracts';
import { formatUsd, minNano, type Nano } from '@purser/money';
import { clientSideTask } from '../models/client-side.js';
import type { Tier } from '../models/ladders.js';

/** Why a tier did not serve a call. */
export interface PassedOver {
  tier: Tier;
  why:
    | 'unavailable'
    | 'no_price'
    | 'unsupported_parameter'
    | 'output_limit'
    | 'latch_unknown'
    | 'budgets_unknown'
    | 'journal_unwritable'
    | 'budget_exhausted'
    | 'budget_held'
    | 'ahead_of_plan'
    | 'budget_blocks'
    | 'invalid_request'
    | 'over_limit'
    | 'client_side'
    | 'quota_used_up'
    | 'failed';
  reason: string;
  param?: string;
  retryAfterMs?: number | undefined;
  /** The budgets that do not cover it. */
  budgets?: readonly string[];
  /** The least of them that it would have been held at. */
  needs?: Nano;
  /** When the window of the budget that refused it ends, in ms since 1970; undefined when it never does. */
  resetsAt?: number | undefined;
}

export interface BudgetRefusal {
  budgets: string[];
  resetsAt: string | null;
  needUsd: string | null;
}

const inHeader = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 500);

/** For a header: why it was not the first tier. */
export const fallbackReason = (passed: readonly PassedOver[]): string =>
  inHeader(passed.map(({ tier, why, reason }) => `${tier.name}: ${why} (${reason})`).join('; '));

/**
 * The answer when no tier is left. A client that can serve itself is told so. Else what passes by itself comes first (429), then what a person can mend with money (402),
 * then what the caller can mend (400); everything else is 503.
 */
export function noTierLeft(passed: readonly PassedOver[]): PurserError {
  const tiers = passed.map(({ tier, why, reason }) => ({
    tier: tier.name,
    provider: tier.provider,
    model: tier.model,
    why,
    reason,
  }));
  const said = passed.map(({ tier, reason }) => `${tier.name}: ${reason}`).join('; ');
  const find = (...kinds: PassedOver['why'][]) => passed.find(({ why }) => kinds.includes(why));
  const own = find('client_side');
  if (own)
    return new PurserError('client_side_tier', {
      message: `what is left is to be done by the client: ${clientSideTask(own.tier).how} (${said})`,
      details: { ...clientSideTask(own.tier), tiers },
    });
  const money = find('budget_held', 'ahead_of_plan') ?? find('budget_exhausted', 'budget_blocks');
  if (money?.why === 'budget_held' || money?.why === 'ahead_of_plan')
    return new PurserError('budget_held', { message: `no tier is affordable now (${said})`, details: { tiers } });
  if (money)
    return new PurserError('budget_exhausted', {
      message: `no tier is affordable (${said})`,
      details: { tiers, code: 'budget_exceeded', ...refusedBy(passed) },
    });
  const wrong = find('invalid_request', 'output_limit', 'unsupported_parameter');
  const onlyWrong = passed.every(({ why }) => isCallersFault(why) || why === 'unavailable' || why === 'no_price');
  if (wrong && onlyWrong)
    return new PurserError(wrong.why === 'unsupported_parameter' ? 'unsupported_parameter' : 'invalid_request', {
      message: passed.length === 1 ? wrong.reason : `no tier can take this request (${said})`,
      details: { tiers, ...(wrong.param === undefined ? {} : { param: wrong.param }) },
    });
  return new PurserError('no_tier', { message: `no tier could be used (${said})`, details: { tiers } });
}

/** Which budgets stand in the way, what the cheapest tier would have needed, and when the first may be affordable again: null when no window of them ends. */
function refusedBy(passed: readonly PassedOver[]): BudgetRefusal {
  const times = passed.flatMap(({ resetsAt }) => (resetsAt === undefined ? [] : [resetsAt]));
  const needs = passed.flatMap((tier) => (tier.needs === undefined ? [] : [tier.needs]));
  return {
    budgets: [...new Set(passed.flatMap(({ budgets = [] }) => budgets))],
    resetsAt: times.length === 0 ? null : new Date(Math.min(...times)).toISOString(),
    needUsd: needs.length === 0 ? null : formatUsd(needs.reduce(minNano)),
  };
}

const isCallersFault = (why: PassedOver['why']): boolean =>
  why === 'invalid_request' || why === 'output_limit' || why === 'unsupported_parameter';

/** The shortest time after which a tier that was passed over may be worth another try. */
export function retryAfterSeconds(passed: readonly PassedOver[]): number | undefined {
  const times = passed.flatMap(({ retryAfterMs }) => (retryAfterMs === undefined ? [] : [retryAfterMs]));
  return times.length === 0 ? undefined : Math.max(1, Math.ceil(Math.min(...times) / 1000));
}
