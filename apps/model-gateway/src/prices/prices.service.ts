import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import type {
  ListedPrice,
  PriceRow,
  pricesImport,
  PricesImported,
  pricesList,
  pricesSet,
  ReplyOf,
  RequestOf,
} from '@purser/contracts';
import { priceFromUsd } from '@purser/money';
import { Clock } from '@purser/service';
import { readCommunityTable } from './community-table.js';
import { fromSet, type KnownPrice, PriceTable } from './price-table.js';
import { PriceWarnings } from './price-warnings.js';
import { PricesFollower } from './prices.follower.js';
import { PricesRepository } from './prices.repository.js';

@Injectable()
export class PricesService {
  constructor(
    private readonly prices: PriceTable,
    private readonly repository: PricesRepository,
    private readonly follower: PricesFollower,
    private readonly warnings: PriceWarnings,
    private readonly clock: Clock,
  ) {}

  /** Also what another gateway was told a moment ago: whoever sets a price and lists it may reach two of them. */
  async list({ provider, model = '' }: RequestOf<typeof pricesList>): Promise<ReplyOf<typeof pricesList>> {
    await this.follower.refresh();
    const found = this.prices.all.filter(
      (known) => (provider === undefined || known.model.startsWith(`${provider}/`)) && known.model.includes(model),
    );
    return { prices: found.map(listed), warnings: this.warnings.all() };
  }

  async set({ model, price, by, reason }: RequestOf<typeof pricesSet>): Promise<ReplyOf<typeof pricesSet>> {
    await this.follower.refresh();
    const before = this.prices.byRef(model);
    await this.repository.add([{ model, price }], by, reason);
    await this.follower.refresh();
    const now = this.prices.byRef(model) ?? this.imagined(model, price);
    return { price: listed(now), warnings: this.suspicions(now, before) };
  }

  async import(request: RequestOf<typeof pricesImport>): Promise<PricesImported> {
    const { table, providers, dryRun, source, by, reason } = request;
    await this.follower.refresh();
    const date = this.clock.now().toISOString().slice(0, 10);
    const { taken, skipped } = readCommunityTable(table, providers, { source, date });
    const added: PricesImported['added'] = [];
    const changed: PricesImported['changed'] = [];
    const warnings: string[] = [];
    for (const { model, price } of taken) {
      const before = this.prices.byRef(model);
      if (before && sameFigures(before.row, price)) continue;
      if (before) changed.push({ model, before: before.row, price });
      else added.push({ model, price });
      warnings.push(...this.suspicions(this.imagined(model, price), before));
    }
    const fresh = [...added, ...changed].map(({ model, price }) => ({ model, price }));
    if (!dryRun && fresh.length > 0) {
      await this.repository.add(fresh, by, reason);
      await this.follower.refresh();
    }
    return { dryRun, added, changed, unchanged: taken.length - fresh.length, skipped, warnings };
  }

  private suspicions(known: KnownPrice, before: KnownPrice | undefined): string[] {
    const below = this.prices.below(known);
    const others = before?.id === below?.id ? [below] : [before, below];
    return [...new Set(others.flatMap((other) => this.warnings.of(known, other)))];
  }

  /** A row as it would be if it were set now. */
  private imagined(model: string, row: PriceRow): KnownPrice {
    return fromSet({ model, row, setBy: '', reason: '', setAt: this.clock.now().toISOString() });
  }
}

const listed = ({ model, id, from, row, set }: KnownPrice): ListedPrice => ({
  model,
  priceRow: id,
  from,
  setBy: set?.setBy ?? null,
  setAt: set?.setAt ?? null,
  reason: set?.reason ?? null,
  price: row,
});

/** Whether two rows cost the same and say the same of their model, however they are written and wherever they are from. */
const sameFigures = (a: PriceRow, b: PriceRow): boolean =>
  a.contextWindow === b.contextWindow &&
  a.maxOutputTokens === b.maxOutputTokens &&
  (a.reasoning ?? false) === (b.reasoning ?? false) &&
  isDeepStrictEqual(priceFromUsd(a), priceFromUsd(b));
