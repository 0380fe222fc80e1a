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
  /** What people had corrected of its entries when it was last counted: that is a part of `counted`. */
  corrected: Nano;
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

export interface Change {
  /** As it is from now on. */
  row: CountedRow;
  /** What it counts more than before. */
  difference: Nano;
  /** It was known before. */
  again: boolean;
  added: ReportedSpend | undefined;
}

export interface Plan {
  changes: Change[];
  /** Anything in the books is new: a row, an amount, a finality. */
  news: boolean;
}

/** What is metered already is not counted once more: from the day on of the first metered call. */
export const isReconciled = (
  row: Pick<BooksRow, 'to'>,
  { books, meteredSince }: Pick<Counting, 'books' | 'meteredSince'>,
) => books === 'reconcile' || (books === 'auto' && meteredSince !== null && row.to > dayOf(meteredSince));

/**
 * What a reading changes: rows that were told otherwise, and those of which something else should be in the ledger than is
 * in it. A row that the books no longer have is worth nothing.
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
    const kept = { ...row, counted: (old?.counted ?? 0n) + difference, revision, corrected: old?.corrected ?? 0n };
    made.changes.push({ row: kept, difference, again: old !== undefined, added: addedBy(row, old, counting) });
  }
  return made;
}

/** The entries that a row has in the ledger, of which people may have corrected any. */
export function attemptsOf({ id, revision }: Pick<CountedRow, 'id' | 'revision'>, source: string): string[] {
  return Array.from({ length: revision }, (_, index) => `${callOf(source, id)}-${index + 1}`);
}

/**
 * The row, and the entry that makes the ledger agree with it, where one is needed. What a person corrected stands for as
 * long as the row counts the same; when it counts something else, that is the newer word on all of it, whether or not the
 * books have heard what the person knew.
 */
export function counted(
  { row, difference, again }: Change,
  corrections: Nano,
  counting: Counting,
): { row: CountedRow; entry: NewEntry | undefined } {
  if (difference === 0n) return { row, entry: undefined };
  const amount = difference - (corrections - row.corrected);
  const kept = { ...row, corrected: corrections };
  return { row: kept, entry: amount === 0n ? undefined : entryOf(kept, amount, again, counting) };
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

const callOf = (source: string, id: string): string =>
  `reported-${createHash('sha256').update(`${source}\n${id}`).digest('hex').slice(0, 40)}`;

function entryOf(row: CountedRow, amount: Nano, again: boolean, counting: Counting): NewEntry {
  const { source, provider, observedAt } = counting;
  const callId = callOf(source, row.id);
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
