import { plainDecimal } from '@purser/plugin-sdk';

/**
 * What BigQuery takes for a query on demand in the US and most other places, as of 2026-11: the "Compute pricing" of
 * https://cloud.google.com/bigquery/pricing. The first TiB of a month is free to a billing account; whether others use it up
 * cannot be told from here, so it is not taken off.
 */
export const ON_DEMAND = { usdPerTiB: '6.25' } as const;

/** No query is billed for less: 10 MB for each table. */
export const LEAST_BYTES_BILLED = 10 * 2 ** 20;

const NANO = 9;
const TIB = 2n ** 40n;

/** Rounded up to the nano-dollar. */
export function priceOf(bytesBilled: bigint, usdPerTiB: string): string {
  const [whole = '', fraction = ''] = plainDecimal(usdPerTiB).split('.');
  const nanoPerTiB = BigInt(whole + fraction.padEnd(NANO, '0').slice(0, NANO));
  return plainDecimal(`${(bytesBilled * nanoPerTiB + TIB - 1n) / TIB}e-${NANO}`);
}
