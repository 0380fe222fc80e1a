import type { Nano } from '@purser/money';
import type { BooksRow } from './reading.js';

/** What a reading added to a row of the books, and the time in which that was used. */
export interface ReportedSpend {
  service: string;
  from: Date;
  to: Date;
  nano: Nano;
}

/**
 * Books are told some times a day, of whole days: what a reading adds was used since the row was told last, or since the
 * books last had any news when the row is new, and not at the moment of the reading. What comes late, of a period that
 * was over by then, is spread over all of that period.
 */
export function addedBy(
  row: BooksRow,
  before: { amount: Nano; changedAt: Date } | undefined,
  { newsAt, observedAt }: { newsAt: Date | null; observedAt: Date },
): ReportedSpend | undefined {
  const nano = row.amount - (before?.amount ?? 0n);
  if (nano === 0n) return undefined;
  const to = new Date(Math.max(row.from.getTime() + 1, Math.min(row.to.getTime(), observedAt.getTime())));
  const told = before?.changedAt ?? newsAt;
  const from = told !== null && told > row.from && told < to ? told : row.from;
  return { service: row.service, from, to, nano };
}

/** How much of it falls between two times, spread evenly over the time of its use. */
export function partOf(spend: Pick<ReportedSpend, 'from' | 'to' | 'nano'>, since: Date, until: Date): Nano {
  const from = Math.max(spend.from.getTime(), since.getTime());
  const to = Math.min(spend.to.getTime(), until.getTime());
  if (to <= from) return 0n;
  return (spend.nano * BigInt(to - from)) / BigInt(spend.to.getTime() - spend.from.getTime());
}
