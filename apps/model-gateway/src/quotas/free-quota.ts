import { TimeZone, Token } from '@purser/contracts';
import { cost, hold, NO_SAFETY, parsePrice, parseUsd, type Price } from '@purser/money';
import { z } from 'zod';
import type { ModelCall } from '../calls/model-call.js';
import type { Settlement } from '../calls/settlement-rules.js';

const UNITS = ['requests', 'tokens', 'characters', 'usd'] as const;
type Unit = (typeof UNITS)[number];

const count = z.number().int().positive();
const dollars = z.string().refine((value) => {
  try {
    return parsePrice(value) > 0n;
  } catch {
    return false;
  }
}, 'dollars such as "0.10"');

/** What a provider serves for nothing. */
export const FreeQuota = z
  .strictObject({
    requests: count.optional(),
    tokens: count.optional().describe('Input and output'),
    characters: count.optional().describe('Of the input'),
    usd: dollars.optional().describe("Credits: calls are counted at the tier's price"),
    per: z.enum(['minute', 'day', 'month']),
    timezone: TimeZone.default('UTC').describe('Where days and months begin'),
    pool: Token.optional().describe('Quotas with the same pool are counted together; else one for each model'),
  })
  .refine((quota) => UNITS.filter((unit) => quota[unit] !== undefined).length === 1, {
    error: 'one of requests, tokens, characters and usd',
  });
export type FreeQuota = z.output<typeof FreeQuota>;

/** A quota, ready to be counted. Amounts are whole units, dollars in nano-dollars. */
export interface TierQuota {
  /** Under which it is counted, by all gateways. */
  name: string;
  unit: Unit;
  limit: bigint;
  per: FreeQuota['per'];
  timezone: string;
  /** For dollars. */
  price: Price | undefined;
}

export function readQuota(quota: FreeQuota, model: string, price: Price | undefined): TierQuota {
  const { per, timezone, pool = model } = quota;
  const unit = UNITS.find((one) => quota[one] !== undefined) ?? 'requests';
  const limit = quota.usd === undefined ? BigInt(quota[unit] ?? 0) : parseUsd(quota.usd);
  return { name: `${pool} ${unit} per ${per} ${timezone}`, unit, limit, per, timezone, price };
}

/** The most that a call may take of it; undefined when that cannot be told. */
export function worstOf(
  { unit, price }: TierQuota,
  { bounds, choices }: Pick<ModelCall, 'bounds' | 'choices'>,
  maxOutputTokens: number,
): bigint | undefined {
  switch (unit) {
    case 'requests':
      return 1n;
    case 'tokens':
      return BigInt(bounds.inputTokens + maxOutputTokens * choices);
    case 'characters':
      return BigInt(bounds.inputTokens);
    case 'usd':
      return price && hold(price, { ...bounds, choices, maxOutputTokens, safety: NO_SAFETY });
  }
}

/** What a call took of it in the end; all that was set aside where nobody knows. */
export function usedOf({ unit, price }: TierQuota, settlement: Settlement, worst: bigint): bigint {
  if (settlement.outcome === 'failed') return 0n;
  if (settlement.outcome !== 'ok') return worst;
  if (unit === 'tokens') return BigInt(settlement.inputTokens + settlement.outputTokens);
  // Minutes and images are not in it.
  if (unit !== 'usd' || !price || price.perMinute !== undefined || price.perImage !== undefined) return worst;
  const { inputTokens, outputTokens, cachedTokens } = settlement;
  return cost(price, { inputTokens, outputTokens, cachedTokens });
}
