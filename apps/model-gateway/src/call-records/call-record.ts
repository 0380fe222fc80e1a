import { type Call, type CallAttempt, isPurserError } from '@purser/contracts';
import { formatUsd } from '@purser/money';
import type { CallContext, Tried } from '../calls/calls.service.js';
import type { Settlement } from '../calls/settlement-rules.js';
import { ClientGone } from '../calls/calls-in-flight.js';
import type { Tier } from '../models/ladders.js';

/** Of what a provider said. */
const MOST_CHARACTERS = 1_000;
/** Postgres takes neither NUL nor half a character. */
const cut = (text: string): string => Buffer.from(text.slice(0, MOST_CHARACTERS)).toString().replaceAll('\0', '');

export interface Ended {
  gateway: string;
  at: Date;
  latencyMs: number;
  /** What the client was told; undefined when all went well. */
  error: unknown;
}

/** What is kept of a call that is over. */
export function recordOf(context: CallContext, { gateway, at, latencyMs, error }: Ended): Call {
  const { callId, call, capability, tried, passed } = context;
  const { key, project, task, session } = context.caller;
  const tiers = passed.length === 0 ? tried.map(served) : allOf(tried, passed);
  return {
    id: callId,
    at: at.toISOString(),
    gateway,
    kind: call.kind,
    model: call.model,
    capability,
    streaming: call.streaming,
    key,
    project,
    task,
    session,
    ...outcomeOf(error),
    costUsd: formatUsd(tried.reduce((sum, { attempt }) => sum + (attempt.settlement?.amount ?? 0n), 0n)),
    latencyMs,
    tiers,
  };
}

/** Those that were passed over, with their last attempts, and then those that were not. */
function allOf(tried: CallContext['tried'], passed: CallContext['passed']): Call['tiers'] {
  const attempts = new Map(tried.map((one) => [one.attempt.tier, attemptOf(one)]));
  const tiers: Call['tiers'] = passed.map(({ tier, why, reason }) => ({
    ...named(tier),
    why,
    reason: cut(reason),
    attempt: attempts.get(tier) ?? null,
  }));
  for (const { tier } of passed) attempts.delete(tier);
  for (const [tier, attempt] of attempts) tiers.push({ ...named(tier), why: null, reason: null, attempt });
  return tiers;
}

const served = (one: Tried): Call['tiers'][number] => ({
  ...named(one.attempt.tier),
  why: null,
  reason: null,
  attempt: attemptOf(one),
});

const named = ({ name: tier, provider, model }: Tier) => ({ tier, provider, model });

const UNSETTLED: Settlement = {
  ...{ amount: 0n, inputTokens: 0, outputTokens: 0, cachedTokens: 0 },
  ...{ finality: 'presumed', outcome: 'unknown' },
};

function attemptOf({ attempt: { held, settlement, latencyMs }, limitSet }: Tried): CallAttempt {
  const { attemptId, holdUsd, windows, priceRow, usageAt: startedAt } = held;
  const { amount, finality, outcome, inputTokens, outputTokens, cachedTokens } = settlement ?? UNSETTLED;
  return {
    attemptId,
    holdUsd,
    windows,
    priceRow,
    startedAt,
    finality,
    outcome,
    inputTokens,
    outputTokens,
    cachedTokens,
    amountUsd: formatUsd(amount),
    latencyMs,
    maxTokensSet: limitSet ?? null,
  };
}

function outcomeOf(error: unknown): Pick<Call, 'outcome' | 'message'> {
  if (error === undefined) return { outcome: 'ok', message: null };
  if (error instanceof ClientGone) return { outcome: 'cancelled', message: null };
  if (isPurserError(error)) return { outcome: error.code, message: cut(error.message) };
  return { outcome: 'internal', message: null };
}
