import type { CostSource } from '../cost-source.js';

/** A line of the far end's books, in US dollars. */
export interface BooksRow {
  /** "2026-11-03", UTC. */
  day: string;
  service: string;
  /** "1.25", "-0.40" for a credit. */
  amountUsd: string;
}

/** The far end, speaking the vendor's own protocol. */
export interface Books {
  /** From now on these are all its rows, in dollars, and it is well: whatever was set before is over. */
  write(rows: readonly BooksRow[]): void | Promise<void>;
  /** The same rows, but in another currency; absent where the protocol knows dollars alone. */
  inCurrency?(code: string): void | Promise<void>;
  /** Refuses whoever asks, as for a revoked key or a missing permission. */
  refuse(): void | Promise<void>;
  /** Tells the next one who asks to slow down, then is well again; absent where that cannot happen. */
  throttleOnce?(): void | Promise<void>;
  /** Answers the first page and then fails for good; absent where there are no pages. */
  breakAfterFirstPage?(): void | Promise<void>;
  /** Takes requests and never answers; absent where nothing is asked over a network. */
  hang?(): void | Promise<void>;
}

export interface OpenedSource {
  source: CostSource;
  books: Books;
  close(): Promise<void>;
}

export interface CostSourceSubject {
  /** A source of its own for each check, with its books. */
  open(): Promise<OpenedSource>;
  /** So many rows of one day, each of another service, do not fit on one page; standard: 3. */
  rowsOfSeveralPages?: number;
  /** What a request costs, in US dollars; standard: "0". */
  requestUsd?: string;
  /** What must not be in an error: the credentials that the source was given. */
  secrets?: readonly string[];
  /** How the source calls a service of the books; standard: as they do. */
  serviceOf?(service: string): string;
}
