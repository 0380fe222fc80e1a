import type { BudgetPeriod, BudgetScope } from '@purser/contracts';

/** `$12.50`: at least two places, more only where they are not zero. */
export function usd(amount: string | null): string {
  if (amount === null) return '?';
  const [whole = '0', places = ''] = amount.replace('-', '').split('.');
  const kept = places.replace(/0+$/, '').padEnd(2, '0');
  return `${amount.startsWith('-') ? '-' : ''}$${whole}.${kept}`;
}

/** `1,234` */
export const grouped = (value: number): string => value.toLocaleString('en-US');

/** `24.7 %` */
export const percent = (value: number): string => `${value.toFixed(1)} %`;

/** `1,234 of 5,000`, or just the first where there is no limit. */
export const against = (used: number, limit: number | undefined): string =>
  limit === undefined ? grouped(used) : `${grouped(used)} of ${grouped(limit)}`;

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
] as const;

/** How long ago, or until when, in its largest unit: `3m`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  for (const [unit, size] of UNITS) if (seconds >= size) return `${Math.floor(seconds / size)}${unit}`;
  return `${seconds}s`;
}

export const since = (instant: string, now: Date): string => span(now.getTime() - Date.parse(instant));

/** Local wall time, as people compare it with their clock. */
export function moment(instant: string | null): string | null {
  if (instant === null) return null;
  const date = new Date(instant);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

export const period = (value: BudgetPeriod): string => (typeof value === 'string' ? value : `${value.hours} h`);

export function scope(value: BudgetScope): string {
  const parts = Object.entries(value).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return parts.length === 0 ? 'everything' : parts.map(([name, id]) => `${name} ${id}`).join(', ');
}

export const count = (amount: number, one: string, many = `${one}s`): string =>
  `${amount} ${amount === 1 ? one : many}`;
