import type { Nano } from '@purser/money';

/** Of amounts in any order, interpolated between the two nearest; `permille` 500 is the median. Zero when there are none. */
export function quantile(amounts: readonly Nano[], permille: number): Nano {
  const sorted = [...amounts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const place = BigInt((sorted.length - 1) * permille);
  const below = sorted[Number(place / 1000n)] ?? 0n;
  const above = sorted[Number((place + 999n) / 1000n)] ?? below;
  return below + ((above - below) * (place % 1000n)) / 1000n;
}
