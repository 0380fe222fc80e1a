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
  const within = (bill: VmBill, from: Date): Nano => partOf(bill.cost, bill, from, now);
  const total = sumNano(bills.map((bill) => within(bill, start)));
  const perDay = sumNano(bills.map((bill) => within(bill, lately))) / BigInt(LATELY_DAYS);
  const leftMs = BigInt(monthEnd(now).getTime() - now.getTime());
  const regular = sumNano(bills.map((bill) => (bill.regularPerHour * BigInt(overlap(bill, start, now))) / HOUR_MS));
  return {
    perHour: sumNano(bills.filter(({ goneAt }) => goneAt === undefined).map(({ perHour }) => perHour)),
    created: bills.filter(({ createdAt }) => createdAt >= start).length,
    total,
    savings: maxNano(0n, regular - total),
    forecast: total + (perDay * leftMs) / BigInt(DAY_MS),
  };
}

function overlap({ createdAt, goneAt }: VmBill, from: Date, now: Date): number {
  return Math.max(0, (goneAt ?? now).getTime() - Math.max(createdAt.getTime(), from.getTime()));
}

function partOf(cost: Nano, bill: VmBill, from: Date, now: Date): Nano {
  const life = (bill.goneAt ?? now).getTime() - bill.createdAt.getTime();
  return life <= 0 ? (bill.createdAt >= from ? cost : 0n) : (cost * BigInt(overlap(bill, from, now))) / BigInt(life);
}
