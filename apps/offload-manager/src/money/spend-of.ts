import { createHash } from 'node:crypto';
import type { Spend } from '@purser/contracts';
import { formatUsd } from '@purser/money';
import { type Costing, costOf, type Rate } from './vm-rates.js';

export interface Stretch {
  from: Date;
  until: Date;
}

/** Who pays for it: the lease of the VM, or nobody in advance. */
export interface Payer {
  callId: string;
  gateway: string;
  windows: readonly string[];
}

const MINUTE_MS = 60_000;

/** What one thing at a platform is called in the ledger, by what the platform says of it alone. */
export const resourceId = (provider: string, kind: string, zone: string, name: string, createdAt: Date): string =>
  createHash('sha256')
    .update([provider, kind, zone, name, createdAt.toISOString()].join('\n'))
    .digest('hex')
    .slice(0, 32);

/** The whole minutes of its life that are not told yet; to the end, once it is gone. Platforms bill a minute at least. */
export function dueStretch(
  { createdAt, billedUntil, goneAt }: { createdAt: Date; billedUntil: Date | null; goneAt: Date | null },
  now: Date,
): Stretch | undefined {
  const from = billedUntil ?? createdAt;
  const minutes = Math.floor((now.getTime() - createdAt.getTime()) / MINUTE_MS);
  const end = goneAt?.getTime() ?? createdAt.getTime() + minutes * MINUTE_MS;
  const until = new Date(goneAt ? Math.max(end, createdAt.getTime() + MINUTE_MS) : end);
  return until.getTime() > from.getTime() ? { from, until } : undefined;
}

/** Of the same stretch it is the same attempt, so that the ledger counts it once. */
export function spendOf(id: string, costing: Costing, rate: Rate, { from, until }: Stretch, payer: Payer): Spend {
  const amountUsd = formatUsd(costOf(rate, until.getTime() - from.getTime()));
  return {
    attemptId: `${id}-${from.getTime().toString(36)}`,
    callId: payer.callId,
    gateway: payer.gateway,
    provider: costing.provider,
    model: costing.machineType ?? 'disk',
    tier: costing.spot ? 'spot' : 'regular',
    capability: 'compute',
    key: null,
    project: null,
    task: null,
    session: null,
    amountUsd,
    holdUsd: payer.windows.length > 0 ? amountUsd : '0.00',
    windows: [...payer.windows],
    inputTokens: 0,
    outputTokens: 0,
    cachedTokens: 0,
    priceRow: rate.row,
    usageAt: from.toISOString(),
    finality: 'final',
    outcome: 'ok',
    latencyMs: 0,
  };
}
