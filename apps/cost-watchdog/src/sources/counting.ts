import { createHash } from 'node:crypto';
import { formatUsd, maxNano, type Nano } from '@purser/money';
import type { NewEntry } from '../ledger/entries.repository.js';
import { dayOf, dayText } from './period.js';
import type { BooksRow } from './reading.js';
import { addedBy, type ReportedSpend } from './reported-spend.js';

/** A row as it was told, and how much of it the ledger has. */
export interface CountedRow extends BooksRow {
  counted: Nano;
  revision: number;
}

export interface KnownRow extends CountedRow {
  /** When it was last told otherwise than before. */
  changedAt: Date;
}

/** How rows of a source count; ADR 0015 has the reasoning. */
export interface Counting {
  source: string;
  provider: string;
  books: 'auto' | 'add' | 'reconcile';
  meteredServices: readonly string[];
  /** Since then the gateway meters this provider. */
  meteredSince: Date | null;
  /** Under which service the books show the source's own requests, and what those cost by day. */
  own: { inBooksAs: string; byDay: ReadonlyMap<string, Nano> } | undefined;
  observedAt: Date;
  /** When anything in the books was last new. */
  newsAt: Date | null;
}

export interface Plan {
  /** Rows as they are from now on, each with the entry that makes the ledger agree with it, where one is needed. */
  changes: { row: CountedRow; entry: NewEntry | undefined; added: ReportedSpend | undefined }[];
  /** Anything in the books is new: a row, an amount, a finality. */
  news: boolean;
}

/** What is metered already is not counted once more: from the day on of the first metered call. */
export const isReconciled = (
  row: Pick<BooksRow, 'to'>,
  { books, meteredSince }: Pick<Counting, 'books' | 'meteredSince'>,
) => books === 'reconcile' || (books === 'auto' && meteredSince !== null && row.to > dayOf(meteredSince));

/**
 * What a reading changes: for each row the difference between what should be in the ledger and what is in it becomes an
 * entry. A row that the books no longer have is worth nothing.
 */
export function plan(known: readonly KnownRow[], told: readonly BooksRow[], counting: Counting): Plan {
  const before = new Map(known.map((row) => [row.id, row]));
  const rows = new Map<string, BooksRow>(known.map((row) => [row.id, { ...row, amount: 0n }]));
  for (const row of told) rows.set(row.id, row);
  const own = new Map(counting.own?.byDay);
  const made: Plan = { changes: [], news: false };
  for (const row of [...rows.values()].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const old = before.get(row.id);
    const difference = shouldCount(row, counting, own) - (old?.counted ?? 0n);
    const changed = !old || old.amount !== row.amount || old.finality !== row.finality;
    if (!changed && difference === 0n) continue;
    if (changed) made.news = true;
    const revision = (old?.revision ?? 0) + (difference === 0n ? 0 : 1);
    const kept = { ...row, counted: (old?.counted ?? 0n) + difference, revision };
    const entry = difference === 0n ? undefined : entryOf(kept, difference, old !== undefined, counting);
    made.changes.push({ row: kept, entry, added: addedBy(row, old, counting) });
  }
  return made;
}

function shouldCount(row: BooksRow, counting: Counting, own: Map<string, Nano>): Nano {
  if (isReconciled(row, counting) || counting.meteredServices.includes(row.service)) return 0n;
  if (row.service !== counting.own?.inBooksAs) return row.amount;
  // The ledger has the source's own requests since they were made.
  let rest = row.amount;
  for (let day = dayOf(row.from); day < row.to; day = new Date(day.getTime() + 86_400_000)) {
    const made = own.get(dayText(day)) ?? 0n;
    const taken = made < rest ? made : maxNano(0n, rest);
    own.set(dayText(day), made - taken);
    rest -= taken;
  }
  return rest;
}

function entryOf(row: CountedRow, amount: Nano, again: boolean, counting: Counting): NewEntry {
  const { source, provider, observedAt } = counting;
  const callId = `reported-${createHash('sha256').update(`${source}\n${row.id}`).digest('hex').slice(0, 40)}`;
  return {
    ...NOT_A_CALL,
    attemptId: `${callId}-${row.revision}`,
    callId,
    gateway: source,
    provider,
    model: row.model ?? row.service,
    project: row.project,
    amountUsd: formatUsd(amount),
    usageAt: usageTime(row, observedAt).toISOString(),
    observedAt: observedAt.toISOString(),
    usedBy: row.to.toISOString(),
    finality: row.finality,
    source: again && amount < 0n ? 'correction' : 'reported',
  };
}

/**
 * The middle of the row's period: for a day that is within the day it mostly belongs to, whatever a budget's time zone. What
 * is reported before that was used before that.
 */
const usageTime = ({ from, to }: BooksRow, observedAt: Date): Date => {
  const middle = (from.getTime() + to.getTime()) / 2;
  return new Date(Math.max(from.getTime(), Math.min(middle, observedAt.getTime())));
};

const NOT_A_CALL = {
  tier: 'reported',
  capability: null,
  key: null,
  task: null,
  session: null,
  holdUsd: '0',
  windows: [],
  inputTokens: 0,
  outputTokens: 0,
  cachedTokens: 0,
  priceRow: null,
  outcome: 'ok' as const,
  latencyMs: 0,
};

/** What a source's own requests cost, as an entry of its own; once for each time it was asked. */
export function ownEntry(
  { source, provider, service }: { source: string; provider: string; service: string },
  reading: { epoch: bigint; at: Date; nano: Nano; finality: 'final' | 'presumed' },
): NewEntry {
  const callId = `own-${createHash('sha256').update(source).digest('hex').slice(0, 32)}-${reading.epoch}`;
  return {
    ...NOT_A_CALL,
    attemptId: callId,
    callId,
    gateway: source,
    provider,
    model: service,
    project: null,
    amountUsd: formatUsd(reading.nano),
    usageAt: reading.at.toISOString(),
    finality: reading.finality,
    source: 'reported',
  };
}
