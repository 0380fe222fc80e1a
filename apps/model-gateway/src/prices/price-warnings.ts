import { Injectable } from '@nestjs/common';
import { Ladders } from '../models/ladders.js';
import { givenAway, oddities } from './price-sanity.js';
import { type KnownPrice, PriceTable } from './price-table.js';

/** Looks for prices that are probably mistyped. They are obeyed nevertheless: it is the user who knows. */
@Injectable()
export class PriceWarnings {
  constructor(
    private readonly prices: PriceTable,
    private readonly ladders: Ladders,
  ) {}

  all(): string[] {
    return [
      ...this.prices.unreadable.map(unreadable),
      ...this.ofTiers(),
      ...this.prices.all.flatMap((known) => this.of(known, this.prices.below(known))),
    ];
  }

  /** Of a row, measured by another one of the same model. */
  of(known: KnownPrice, other: KnownPrice | undefined): string[] {
    if (known.from === 'installed') return [];
    const named = { name: known.id, price: known.price };
    const [provider = ''] = known.model.split('/');
    return [
      ...(other ? oddities(named, { name: other.id, price: other.price }) : []),
      ...(this.prices.sells(provider) ? givenAway(named, provider) : []),
    ];
  }

  private ofTiers(): string[] {
    return this.ladders.ownPrices.flatMap(({ name, provider, model, price, declaredFree }) => {
      const known = this.prices.find(provider, model);
      return [
        ...(known && !declaredFree ? oddities({ name, price }, { name: known.id, price: known.price }) : []),
        ...(this.prices.sells(provider) && !declaredFree ? givenAway({ name, price }, provider) : []),
      ];
    });
  }
}

const unreadable = (model: string): string =>
  `${model} was given a price that this version of Purser cannot read, so none is known for it. Set it again: purser prices set ${model} --input 1.25 --output 10 (dollars per million tokens)`;
