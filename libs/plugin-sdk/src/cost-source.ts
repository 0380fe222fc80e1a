import type { CallOptions } from './model-provider.js';

/** One row of what somebody's own books say was spent. */
export interface ReportedCost {
  /** The same row in every reading, also when its amount was revised meanwhile: made of its day, service and whatever else tells it apart. */
  id: string;
  /** When it was used: from here up to, but not including, `to`. */
  from: Date;
  to: Date;
  /**
   * US dollars as a decimal string without exponent (see `plainDecimal`), such as "12.345678901"; negative for credits and
   * refunds. Of any length: it is rounded to nano-dollars when it is counted.
   */
  amountUsd: string;
  /** As the books call it: "Amazon Elastic Compute Cloud - Compute", "gpt-5-mini". */
  service: string;
  /** Of the ledger's tags, those that the books tell. */
  model?: string | undefined;
  project?: string | undefined;
  /** `estimate`: the books may still change it. */
  finality: 'estimate' | 'final';
}

export interface CostReading {
  costs: ReportedCost[];
  /** What this reading itself cost, in US dollars: "0.02" for two pages at a cent each; "0" when it is free. */
  ownCostUsd: string;
}

/** When a source is asked, and from when on its silence is a fault. */
export interface CostSchedule {
  /** No more often than this: what its books refresh every few hours is not worth asking every minute. */
  everySeconds: number;
  /** Books without news for longer are stale. */
  staleAfterSeconds: number;
}

/** Somebody's books: a cloud's billing, a model vendor's costs, an export. */
export interface CostSource {
  /** Whose costs these are, as the ledger names providers: `aws`, `openai`. */
  readonly provider: string;
  readonly schedule: CostSchedule;
  /**
   * For a source whose requests cost: what they are called in the ledger, and under which service the books show them later,
   * so that they are not counted again. A row of that service is counted only by what it exceeds the requests of its day.
   */
  readonly ownCosts?: { service: string; inBooksAs: string } | undefined;
  /**
   * All rows of a period (whole days, UTC), over all pages. Rejects with an error that says what is wrong and how to mend
   * it: never answers with too few rows, since those that are missing would count as nothing spent. What asking cost by then
   * is told by `CostReadingFailed.ownCostUsd`.
   */
  read(period: { from: Date; to: Date }, options: CallOptions): Promise<CostReading>;
}

/** A reading that failed although some of it was already paid for. Recognised by its name: plugins may bring a copy of this package. */
export class CostReadingFailed extends Error {
  constructor(
    message: string,
    /** US dollars. */
    readonly ownCostUsd: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = 'CostReadingFailed';
  }
}

/** Refuses books that are not in US dollars: an amount in another currency must never be taken for one in dollars. */
export function requireUsd(currency: string | null | undefined, whose: string, advice: string): void {
  if (currency?.toUpperCase() === 'USD') return;
  const told = currency ? `in ${currency}` : 'in a currency that is not told';
  throw new Error(`${whose} are ${told}, and Purser counts US dollars alone: nothing was counted. ${advice}`);
}

/** A number as books write it, `1.2E-7` too, without an exponent. Throws on what is none, a missing amount above all. */
export function plainDecimal(value: string | number): string {
  const match = /^([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,4}))?$/.exec(String(value).trim());
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = match ?? [];
  if (whole + fraction === '') throw new RangeError(`"${value}" is not an amount`);
  const point = whole.length + Number(exponent);
  const digits = (whole + fraction)
    .padEnd(point, '0')
    .padStart(whole.length + fraction.length - Math.min(0, point), '0');
  const at = Math.max(0, point);
  const before = digits.slice(0, at).replace(/^0+(?=\d)/, '') || '0';
  const after = digits.slice(at).replace(/0+$/, '');
  const text = after === '' ? before : `${before}.${after}`;
  return sign === '-' && /[1-9]/.test(text) ? `-${text}` : text;
}
