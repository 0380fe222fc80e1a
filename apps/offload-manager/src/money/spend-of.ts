import { createHash } from 'node:crypto';
import type { Spend } from '@purser/contracts';
import { formatUsd, type Nano } from '@purser/money';
import type { EgressRate } from './vm-prices.js';
import { type Costing, costOf, egressCostOf, type Rate } from './vm-rates.js';

export interface Stretch {
  from: Date;
  until: Date;
}

/** Who pays for it: the lease of the VM, or nobody in advance. */
export interface Payer {
  callId: string;
  gateway: string;
  windows: readonly string[];
  /** Of a session's VM. The session itself is not named: its own figures are those of its calls of models. */
  project?: string | null;
  task?: string | null;
  ancestors?: readonly string[];
}

const MINUTE_MS = 60_000;

/** What one thing at a platform is called in the ledger, by what the platform says of it alone. */
export const resourceId = (provider: string, kind: string, zone: string, name: string, createdAt: Date): string =>
  createHash('sha256')
    .update([provider, kind, zone, name, createdAt.toISOString()].join('\n'))
    .digest('hex')
    .slice(0, 32);

export interface Life {
  createdAt: Date;
  /** When its platform last had it: of what was after that nobody knows. */
  seenAt: Date;
  /** When it was seen to be gone, which may be long after it went. */
  goneAt: Date | null;
  /** When its platform ends it by itself, where that is known. */
  expiresAt: Date | null;
}

/**
 * What is not told yet of its life: the whole minutes in which it was seen to be there; to the end, once it is gone.
 * Platforms bill a minute at least.
 */
export function dueStretch(life: Life, billedUntil: Date | null): Stretch | undefined {
  const born = life.createdAt.getTime();
  const seen = Math.max(born, life.seenAt.getTime());
  const minutes = Math.floor((seen - born) / MINUTE_MS);
  const until = life.goneAt ? endOf(life, seen, life.goneAt.getTime()) : born + minutes * MINUTE_MS;
  const from = billedUntil ?? life.createdAt;
  return until > from.getTime() ? { from, until: new Date(until) } : undefined;
}

/** Where nobody looked when it went, its platform ended it when its time was over; unless it was seen later than that. */
function endOf({ createdAt, expiresAt }: Life, seen: number, gone: number): number {
  const last = expiresAt === null ? Infinity : expiresAt.getTime() + MINUTE_MS;
  const end = seen > last ? gone : Math.min(gone, last);
  return Math.max(end, seen, createdAt.getTime() + MINUTE_MS);
}

/** Of the same stretch it is the same attempt, so that the ledger counts it once. */
export function spendOf(id: string, costing: Costing, rate: Rate, { from, until }: Stretch, payer: Payer): Spend {
  return spend(payer, costing, {
    attemptId: `${id}-${from.getTime().toString(36)}`,
    model: costing.machineType ?? (costing.address ? 'address' : 'disk'),
    amount: costOf(rate, until.getTime() - from.getTime()),
    row: rate.row,
    at: from,
  });
}

/** Of the same bytes, too. */
export function trafficSpendOf(
  id: string,
  costing: Costing,
  rate: Pick<EgressRate, 'nanoPerGb'> & { row: string | null },
  { told, sent, at }: { told: bigint; sent: bigint; at: Date },
  payer: Payer,
): Spend {
  const attemptId = `${id}-sent-${told.toString(36)}`;
  return spend(payer, costing, {
    attemptId,
    model: 'egress',
    amount: egressCostOf(rate, told, sent),
    row: rate.row,
    at,
  });
}

interface Item {
  attemptId: string;
  model: string;
  amount: Nano;
  row: string | null;
  at: Date;
}

function spend(payer: Payer, { provider, spot }: Costing, { attemptId, model, amount, row, at }: Item): Spend {
  const amountUsd = formatUsd(amount);
  return {
    attemptId,
    callId: payer.callId,
    gateway: payer.gateway,
    provider,
    model,
    tier: spot ? 'spot' : 'regular',
    capability: 'compute',
    key: null,
    project: payer.project ?? null,
    task: payer.task ?? null,
    ...(payer.ancestors && payer.ancestors.length > 0 && { ancestors: [...payer.ancestors] }),
    session: null,
    amountUsd,
    holdUsd: payer.windows.length > 0 ? amountUsd : '0.00',
    windows: [...payer.windows],
    inputTokens: 0,
    outputTokens: 0,
    cachedTokens: 0,
    priceRow: row,
    usageAt: at.toISOString(),
    finality: 'final',
    outcome: 'ok',
    latencyMs: 0,
  };
}
