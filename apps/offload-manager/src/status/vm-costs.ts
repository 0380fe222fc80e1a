import { maxNano, type Nano, sumNano } from '@purser/money';
import type { VmBill } from './bills.js';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000n;
const LATELY_DAYS = 7;

export interface VmCosts {
  perHour: Nano;
  created: number;
  total: Nano;
  savings: Nano;
  forecast: Nano;
}

export const monthStart = (now: Date): Date => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1));
const monthEnd = (now: Date): Date => new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1));

/** Bills that matter for `vmCosts`: those of this month, and of the days that the forecast goes by. */
export const billsSince = (now: Date): Date =>
  new Date(Math.min(monthStart(now).getTime(), now.getTime() - LATELY_DAYS * DAY_MS));

/** Of this month (UTC). A VM of two months counts in each by its hours. */
export function vmCosts(bills: readonly VmBill[], now: Date): VmCosts {
  const start = monthStart(now);
  const lately = new Date(now.getTime() - LATELY_DAYS * DAY_MS);
  const since = (from: Date, nano: (bill: VmBill) => Nano): Nano =>
    sumNano(bills.map((bill) => partOf(nano(bill), bill, from, now)));
  const total = since(start, ({ cost }) => cost);
  const perDay = since(lately, ({ cost }) => cost) / BigInt(LATELY_DAYS);
  const end = monthEnd(now);
  const running = bills.filter(({ goneAt }) => goneAt === undefined);
  const asLately = (perDay * BigInt(end.getTime() - now.getTime())) / BigInt(DAY_MS);
  const toTheirEnds = sumNano(running.map((bill) => (bill.perHour * BigInt(msLeft(bill, now, end))) / HOUR_MS));
  return {
    perHour: sumNano(running.map(({ perHour }) => perHour)),
    created: bills.filter(({ createdAt }) => createdAt >= start).length,
    total,
    savings: maxNano(0n, since(start, ({ regular }) => regular) - total),
    // What runs is among what ran lately; but before there is much of that, it may be more.
    forecast: total + maxNano(asLately, toTheirEnds),
  };
}

const msLeft = ({ expiresAt }: VmBill, now: Date, end: Date): number =>
  Math.max(0, Math.min(expiresAt.getTime(), end.getTime()) - now.getTime());

function overlap({ createdAt, goneAt }: VmBill, from: Date, now: Date): number {
  return Math.max(0, (goneAt ?? now).getTime() - Math.max(createdAt.getTime(), from.getTime()));
}

function partOf(cost: Nano, bill: VmBill, from: Date, now: Date): Nano {
  const life = (bill.goneAt ?? now).getTime() - bill.createdAt.getTime();
  return life <= 0 ? (bill.createdAt >= from ? cost : 0n) : (cost * BigInt(overlap(bill, from, now))) / BigInt(life);
}
