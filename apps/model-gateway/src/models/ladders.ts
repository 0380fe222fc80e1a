import { PurserError } from '@purser/contracts';
import { isFreeOfCharge, type Price, priceFromCostPer1k, priceFromUsd } from '@purser/money';
import type { Tokenizer } from '@purser/plugin-sdk';
import { PriceTable } from '../prices/price-table.js';
import type { ModelsFile, TierSpec } from './models-file.js';
import { readQuota, type TierQuota } from '../quotas/free-quota.js';
import { type Strategy, strategyFor, type StrategySetting } from './strategies.js';

/** One rung: a model at a provider, and what it costs. */
export interface Tier {
  capability: string;
  name: string;
  provider: string;
  model: string;
  free: boolean;
  /** Undefined when it is not known: then a paid tier is never called. */
  price: Price | undefined;
  /** Where the price stands, as ledger entries name it; null where none is needed or known. */
  priceRow: string | null;
  maxOutputTokens: number | undefined;
  /** Input and output together, where a price row says it. */
  contextWindow?: number | undefined;
  reasoning: boolean;
  /** Whoever configured it vouches that the model has it. */
  tokenizer?: Tokenizer | undefined;
  /** What it serves for nothing. */
  freeQuota?: TierQuota | undefined;
  /** The price of the first paid tier of its ladder that has one. */
  firstPaid?: Price | undefined;
}

/** A price that models.json gives. */
export interface OwnPrice {
  name: string;
  provider: string;
  model: string;
  price: Price;
  declaredFree: boolean;
}

/** What a caller's `model` stands for. */
export interface Route {
  /** Null when a concrete model was asked for. */
  capability: string | null;
  tiers: readonly Tier[];
}

/** All tiers at the prices of one moment, and the ways to them. */
interface Plan {
  ladders: ReadonlyMap<string, readonly Tier[]>;
  /** Models as they stand in the tiers, each once per provider. */
  models: readonly Tier[];
  routes: ReadonlyMap<string, Route>;
}

export interface LadderOptions {
  prices?: PriceTable;
  /** Where the models stand, for errors. */
  source?: string;
  strategy?: StrategySetting | undefined;
}

export class Ladders {
  private plan: Plan;

  private constructor(
    private readonly file: ModelsFile,
    private readonly prices: PriceTable,
    private readonly strategy: StrategySetting | undefined,
  ) {
    this.plan = planOf(file, prices);
  }

  /** Throws `invalid_request` naming every tier that contradicts itself. */
  static from(
    models: ModelsFile,
    { prices = new PriceTable(), source = 'models', strategy }: LadderOptions = {},
  ): Ladders {
    const issues = Object.entries(models).flatMap(([capability, tiers]) =>
      Object.entries(tiers).flatMap(([name, spec]) => {
        const problem = contradiction(name, spec);
        return problem === undefined ? [] : [{ field: `${capability}.${name}`, problem }];
      }),
    );
    if (issues.length > 0) {
      const message = issues.map(({ field, problem }) => `${source}: ${field}: ${problem}`).join('\n');
      throw new PurserError('invalid_request', { message, details: { issues } });
    }
    return new Ladders(models, prices, strategy);
  }

  /** Takes the price table as it is now, for the calls to come. */
  reprice(): void {
    this.plan = planOf(this.file, this.prices);
  }

  get tiers(): Tier[] {
    return [...this.plan.ladders.values()].flat();
  }

  get models(): readonly Tier[] {
    return this.plan.models;
  }

  /** The prices that models.json itself gives, by the name that ledger entries have for them. */
  get ownPrices(): OwnPrice[] {
    return Object.entries(this.file).flatMap(([capability, specs]) =>
      Object.entries(specs).flatMap(([tier, spec]) => {
        const price = ownPrice(spec);
        const name = rowName(capability, tier);
        return price
          ? [{ name, provider: spec.provider, model: spec.model, price, declaredFree: isCalledFree(tier) }]
          : [];
      }),
    );
  }

  get capabilities(): string[] {
    return [...this.plan.ladders.keys()];
  }

  /** How the tiers of a capability are asked; null stands for a concrete model. */
  strategyFor(capability: string | null): Strategy {
    return strategyFor(this.strategy, capability);
  }

  /** A capability, a concrete model that stands in some tier, or `provider/model`. */
  route(model: string): Route | undefined {
    return this.plan.routes.get(model);
  }
}

function planOf(file: ModelsFile, prices: PriceTable): Plan {
  const ladders = new Map(
    Object.entries(file).map(([capability, specs]) => {
      const tiers = Object.entries(specs).map(([name, spec]) => readTier(capability, name, spec, prices));
      const firstPaid = tiers.sort(byRung).find(({ free, price }) => !free && price !== undefined)?.price;
      return [capability, firstPaid ? tiers.map((tier) => ({ ...tier, firstPaid })) : tiers] as const;
    }),
  );
  const byId = new Map<string, Tier>();
  for (const tier of [...ladders.values()].flat()) {
    const id = `${tier.provider}/${tier.model}`;
    if (!byId.has(id)) byId.set(id, tier);
  }
  const models = [...byId.values()];
  // The more general name wins: a capability, then a model wherever it is served, then one provider's.
  const routes = new Map<string, Route>();
  for (const [id, tier] of byId) routes.set(id, { capability: null, tiers: [tier] });
  for (const { model } of models)
    routes.set(model, { capability: null, tiers: models.filter((tier) => tier.model === model) });
  for (const [capability, tiers] of ladders) routes.set(capability, { capability, tiers });
  return { ladders, models, routes };
}

const rowName = (capability: string, tier: string): string => `models.json:${capability}.${tier}`;
const isCalledFree = (tier: string): boolean => tier.endsWith('_free');

const rung = (tier: string): number => Number(/^tier_(\d+)/.exec(tier)?.[1] ?? Infinity);

/** Paid before free; within each by the number in the name, else in the order of the file (sorting is stable). */
function byRung(a: Tier, b: Tier): number {
  if (a.free !== b.free) return a.free ? 1 : -1;
  const [first, second] = [rung(a.name), rung(b.name)];
  return first === second ? 0 : first - second;
}

function contradiction(name: string, spec: TierSpec): string | undefined {
  const own = ownPrice(spec);
  return isCalledFree(name) && own && !isFreeOfCharge(own)
    ? `is called free but has a price; name it "${name.replace(/_free$/, '_paid')}" or remove the price`
    : undefined;
}

/** Its own price first, then the table's. What it does not say of the model is the table's word too. */
function readTier(capability: string, name: string, spec: TierSpec, prices: PriceTable): Tier {
  const known = prices.find(spec.provider, spec.model);
  const own = ownPrice(spec);
  const price = own ?? known?.price;
  const free = isCalledFree(name) || (price !== undefined && isFreeOfCharge(price));
  return {
    capability,
    name,
    provider: spec.provider,
    model: spec.model,
    free,
    price: free ? FREE : price,
    priceRow: free ? null : own ? rowName(capability, name) : (known?.id ?? null),
    maxOutputTokens: spec.maxOutputTokens ?? known?.row.maxOutputTokens,
    contextWindow: known?.row.contextWindow,
    reasoning: spec.reasoning ?? known?.row.reasoning ?? false,
    tokenizer: spec.tokenizer,
    freeQuota: spec.freeQuota && readQuota(spec.freeQuota, `${spec.provider}/${spec.model}`, price),
  };
}

const FREE: Price = { inputPerMillion: 0n, cachedPerMillion: 0n, outputPerMillion: 0n };

/** What models.json says. Exact prices per token win over one figure for all of them; those by minute and image go beside it. */
function ownPrice(spec: TierSpec): Price | undefined {
  const { price = {}, cost_per_1k_tokens: per1k, cost_per_minute, cost_per_image } = spec;
  const perMinuteUsd = price.perMinuteUsd ?? cost_per_minute;
  const perImageUsd = price.perImageUsd ?? cost_per_image;
  const perToken = price.inputPerMillionUsd !== undefined;
  if (!perToken && per1k === undefined && perMinuteUsd === undefined && perImageUsd === undefined) return undefined;
  const exact = priceFromUsd({ ...price, perMinuteUsd, perImageUsd });
  if (perToken || per1k === undefined) return exact;
  const { perToken: _, ...others } = exact;
  return { ...others, ...priceFromCostPer1k(per1k) };
}
