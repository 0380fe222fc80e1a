import type { ListedPrice, PriceRow } from '@purser/contracts';
import { type Price, priceFromUsd } from '@purser/money';
import type { PricesFile } from './prices-file.js';

/** A row that was set while Purser ran. */
export interface SetPrice {
  model: string;
  row: PriceRow;
  setBy: string;
  setAt: string;
  reason: string;
}

export interface KnownPrice {
  /** provider/model */
  model: string;
  /** As ledger entries name it. */
  id: string;
  from: ListedPrice['from'];
  row: PriceRow;
  price: Price;
  set: Pick<SetPrice, 'setBy' | 'setAt' | 'reason'> | undefined;
}

/** What each model costs: the table that Purser brings, over it the user's own file, over both what was set at run time. */
export class PriceTable {
  private readonly files: ReadonlyMap<string, KnownPrice>;
  private known: ReadonlyMap<string, KnownPrice>;
  /** Models that were given a price which this Purser cannot read. */
  unreadable: readonly string[] = [];

  constructor(
    private readonly installed: PricesFile = {},
    own: PricesFile = {},
  ) {
    this.files = new Map([
      ...Object.entries(installed).map(([model, row]) => [model, fromFile(model, row, 'installed')] as const),
      ...Object.entries(own).map(([model, row]) => [model, fromFile(model, row, 'file')] as const),
    ]);
    this.known = this.files;
  }

  /**
   * Replaces all rows that were set before. Models whose row is unreadable have no price: what a file says of them is older
   * and may be less.
   */
  take(rows: readonly SetPrice[], unreadable: readonly string[] = []): void {
    const known = new Map([...this.files, ...rows.map((one) => [one.model, fromSet(one)] as const)]);
    for (const model of unreadable) known.delete(model);
    this.known = known;
    this.unreadable = unreadable;
  }

  find(provider: string, model: string): KnownPrice | undefined {
    return this.known.get(`${provider}/${model}`);
  }

  byRef(model: string): KnownPrice | undefined {
    return this.known.get(model);
  }

  /** What a row stands over: that of a file when it was set, that which Purser brings when it is the user's own. */
  below({ model, from }: KnownPrice): KnownPrice | undefined {
    if (from === 'set') return this.files.get(model);
    const row = this.installed[model];
    return from === 'file' && row ? fromFile(model, row, 'installed') : undefined;
  }

  /** Whether it is a vendor that takes money: one of whom Purser knows prices. */
  sells(provider: string): boolean {
    return Object.keys(this.installed).some((model) => model.startsWith(`${provider}/`));
  }

  get all(): KnownPrice[] {
    return [...this.known.values()].sort((a, b) => (a.model < b.model ? -1 : 1));
  }
}

const fromFile = (model: string, row: PriceRow, from: 'installed' | 'file'): KnownPrice => ({
  model,
  id: `prices.json:${model}@${row.date}`,
  from,
  row,
  price: priceFromUsd(row),
  set: undefined,
});

export const fromSet = ({ model, row, ...set }: SetPrice): KnownPrice => ({
  model,
  id: `set:${model}@${set.setAt}`,
  from: 'set',
  row,
  price: priceFromUsd(row),
  set,
});

/** How to give a model its price, as it is typed. */
export const noPrice = ({ provider, model }: { provider: string; model: string }): string =>
  `no price is known for it; give it one: purser prices set ${provider}/${model} --input 1.25 --output 10 (dollars per million tokens), or "price" in models.json; or end the tier's name with "_free"`;
