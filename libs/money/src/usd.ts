/** Nano-dollars: 1 USD = 1,000,000,000n. The only unit of money inside Purser. */
export type Nano = bigint;

export const NANO_PER_USD = 1_000_000_000n;

const ZERO = 0x30;
const PATTERN = /^(-?)(\d+)(?:\.(\d{1,9}))?$/;

/** `"1.5"` -> 1_500_000_000n. Throws a RangeError on anything that is not a decimal string with at most nine places. */
export function parseUsd(text: string): Nano {
  const match = PATTERN.exec(text);
  if (!match) throw new RangeError(`"${text}" is not an amount in dollars such as "1.50" (at most 9 decimal places)`);
  const [, sign, whole = '0', fraction = ''] = match;
  const value = BigInt(whole + fraction.padEnd(9, '0'));
  return sign === '-' ? -value : value;
}

/** What a call costs is told in several places, one after the other. */
let latest = { nano: 0n, text: '0.00' };

/** 1_500_000_000n -> `"1.50"`, 150_000n -> `"0.000150"`: at least two places, then as many as are needed, in groups of two. */
export function formatUsd(nano: Nano): string {
  if (nano !== latest.nano) latest = { nano, text: format(nano) };
  return latest.text;
}

function format(nano: Nano): string {
  const sign = nano < 0n ? '-' : '';
  const absolute = nano < 0n ? -nano : nano;
  // Every call formats several amounts: no second division, no pattern.
  const digits = absolute.toString().padStart(10, '0');
  const point = digits.length - 9;
  let places = 9;
  while (places > 2 && digits.charCodeAt(point + places - 1) === ZERO) places -= 1;
  if (places % 2 === 1 && places < 9) places += 1;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point, point + places)}`;
}

export const maxNano = (a: Nano, b: Nano): Nano => (a > b ? a : b);
export const minNano = (a: Nano, b: Nano): Nano => (a < b ? a : b);
export const sumNano = (values: Iterable<Nano>): Nano => {
  let sum = 0n;
  for (const value of values) sum += value;
  return sum;
};
