import type { PurserError } from '@purser/contracts';
import { formatUsd } from '@purser/money';
import { type RateState, rateLimitHeaders, retrySeconds } from '../keys/rate-limit.js';
import type { Tier } from '../models/ladders.js';
import type { CallContext, Served } from './calls.service.js';
import { fallbackReason, retryAfterSeconds } from './passed-over.js';

type Headers = Record<string, string>;

const plain = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?');

/** Which tier answered, and why not an earlier one. */
export function answerHeaders(context: CallContext, { tier, limitSet }: Served): Headers {
  const headers: Headers = { ...namesOf(tier) };
  if (limitSet !== undefined) headers['x-purser-max-tokens-set'] = String(limitSet);
  if (context.passed.length > 0) {
    // It may have failed at first, and answered when it was asked again.
    const passed = context.passed.filter((one) => one.tier !== tier);
    if (passed.length > 0) headers['x-purser-fallback-reason'] = fallbackReason(passed);
  }
  return context.rate ? Object.assign(headers, rateLimitHeaders(context.rate)) : headers;
}

const names = new WeakMap<Tier, Headers>();

/** Tiers are few, and answers many. */
function namesOf(tier: Tier): Headers {
  let known = names.get(tier);
  if (!known) {
    const { name, provider, model } = tier;
    known = { 'x-purser-tier': plain(name), 'x-purser-provider': plain(provider), 'x-purser-model': plain(model) };
    names.set(tier, known);
  }
  return known;
}

/** What the call cost, attempts that failed included. Known only when it is over: streams say it in a comment at their end. */
export const costHeaders = ({ spent }: CallContext): Headers => ({ 'x-purser-cost-usd': formatUsd(spent) });

/** Tells clients when a retry makes sense, and keeps those that retry by themselves from a call that cannot succeed. */
export function failureHeaders(context: CallContext | undefined, error: PurserError): Headers {
  const limited = error.code === 'rate_limited' ? (error.details.rate as RateState) : undefined;
  const rate = limited ?? context?.rate;
  const seconds = error.retryable === true ? retryAfterSeconds(context?.passed ?? []) : undefined;
  const wait = limited ? retrySeconds(limited) : seconds;
  return {
    ...(context ? costHeaders(context) : {}),
    ...(rate ? rateLimitHeaders(rate) : {}),
    ...(wait === undefined ? {} : { 'retry-after': String(wait) }),
    ...(error.retryable === true ? {} : { 'x-should-retry': 'false' }),
    ...budgetHeaders(error),
  };
}

/** Which budgets refused the call, and when the first of their windows ends. */
function budgetHeaders({ details }: PurserError): Headers {
  const { budgets, resetsAt } = details;
  return {
    ...(Array.isArray(budgets) && budgets.length > 0 ? { 'x-purser-budget': plain(budgets.join(', ')) } : {}),
    ...(typeof resetsAt === 'string' ? { 'x-purser-budget-resets-at': resetsAt } : {}),
  };
}
