import type { CallOptions } from './model-provider.js';

/** One row of what somebody's own books say was spent. */
export interface ReportedCost {
  /** The same row in every reading, also when its amount was revised meanwhile: made of its day, service and whatever else tells it apart. */
  id: string;
  /** When it was used: from here up to, but not including, `to`. */
  from: Date;
  to: Date;
  /** US dollars as a decimal string, such as "12.345678901"; negative for credits and refunds. */
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
