import { type Nano, parseUsd } from './usd.js';

/** Shortest decimal text of a number, without an exponent: `1.5e-7` -> `"0.00000015"`. Exact for what a person typed. */
export function decimalText(value: string | number): string {
  if (typeof value === 'string') return value.trim();
  const [mantissa = '', exponent] = String(value).split('e');
  if (exponent === undefined) return mantissa;
  const [whole = '', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent);
  if (shift >= 0) return whole + fraction.padEnd(shift, '0');
  return `0.${'0'.repeat(-shift - whole.length)}${whole}${fraction}`;
}

/** An amount a person wrote, never negative. Throws a RangeError that says what is right. */
export function parsePrice(value: string | number): Nano {
  const nano = parseUsd(decimalText(value));
  if (nano < 0n) throw new RangeError(`"${value}" is negative; a price is at least 0`);
  return nano;
}

const PER_TOKEN = /^(\d+)(?:\.(\d+))?$/;

/** Dollars per token, as tables for programs have it, in nano-dollars per million: `2.5e-7` -> 250_000_000n. Rounded up. */
export function perMillionFromPerToken(value: string | number): Nano {
  const text = decimalText(value);
  const match = PER_TOKEN.exec(text);
  if (!match) throw new RangeError(`"${text}" is not an amount in dollars per token such as 0.00000025, not negative`);
  const fraction = (match[2] ?? '').padEnd(15, '0');
  // Per token in 1e-15 dollars is, digit for digit, per million in nano-dollars.
  const exact = BigInt(match[1] ?? '0') * 1_000_000_000_000_000n + BigInt(fraction.slice(0, 15));
  return /[1-9]/.test(fraction.slice(15)) ? exact + 1n : exact;
}
