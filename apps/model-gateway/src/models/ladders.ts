import { PurserError } from '@purser/contracts';
import { isFreeOfCharge, type Price, priceFromCostPer1k, priceFromUsd } from '@purser/money';
import type { ModelsFile, TierSpec } from './models-file.js';

/** One rung: a model at a provider, and what it costs. */
export interface Tier {
  capability: string;
  name: string;
  provider: string;
  model: string;
  free: boolean;
  /** Per token; undefined when it is not known: then a paid tier is never called. */
  price: Price | undefined;
  maxOutputTokens: number | undefined;
  reasoning: boolean;
}

/** What a caller's `model` stands for. */
export interface Route {
  /** Null when a concrete model was asked for. */
  capability: string | null;
  tiers: readonly Tier[];
}

export class Ladders {
  /** Models as they stand in the tiers, each once per provider. */
  readonly models: readonly Tier[];
  private readonly routes = new Map<string, Route>();

  private constructor(private readonly ladders: ReadonlyMap<string, readonly Tier[]>) {
    const models = new Map<string, Tier>();
    for (const tier of this.tiers) {
      const id = `${tier.provider}/${tier.model}`;
      if (!models.has(id)) models.set(id, tier);
    }
    this.models = [...models.values()];
    // The more general name wins: a capability, then a model wherever it is served, then one provider's.
    for (const [id, tier] of models) this.routes.set(id, { capability: null, tiers: [tier] });
    for (const { model } of this.models) {
      const tiers = this.models.filter((tier) => tier.model === model);
      this.routes.set(model, { capability: null, tiers });
    }
    for (const [capability, tiers] of ladders) this.routes.set(capability, { capability, tiers });
  }

  /** Throws `invalid_request` naming every tier that contradicts itself. */
  static from(models: ModelsFile, source = 'models'): Ladders {
    const specs = Object.entries(models).flatMap(([capability, tiers]) =>
      Object.entries(tiers).map(([name, spec]) => [capability, name, spec] as const),
    );
    const issues = specs.flatMap(([capability, name, spec]) => {
      const problem = contradiction(name, spec);
      return problem === undefined ? [] : [{ field: `${capability}.${name}`, problem }];
    });
    if (issues.length > 0) {
      const message = issues.map(({ field, problem }) => `${source}: ${field}: ${problem}`).join('\n');
      throw new PurserError('invalid_request', { message, details: { issues } });
    }
    const ladders = new Map<string, Tier[]>();
    for (const [capability, name, spec] of specs) {
      ladders.set(capability, [...(ladders.get(capability) ?? []), readTier(capability, name, spec)]);
    }
    for (const tiers of ladders.values()) tiers.sort(byRung);
    return new Ladders(ladders);
  }

  get tiers(): Tier[] {
    return [...this.ladders.values()].flat();
  }

  get capabilities(): string[] {
    return [...this.ladders.keys()];
  }

  /** A capability, a concrete model that stands in some tier, or `provider/model`. */
  route(model: string): Route | undefined {
    return this.routes.get(model);
  }
}

const rung = (tier: string): number => Number(/^tier_(\d+)/.exec(tier)?.[1] ?? Infinity);

/** Paid before free; within each by the number in the name, else in the order of the file (sorting is stable). */
function byRung(a: Tier, b: Tier): number {
  if (a.free !== b.free) return a.free ? 1 : -1;
  const [first, second] = [rung(a.name), rung(b.name)];
  return first === second ? 0 : first - second;
}

const declaredFree = (name: string): boolean => name.endsWith('_free');

const costs = (spec: TierSpec): boolean =>
  priceKnown(spec) && !(isFreeOfCharge(readPrice(spec) ?? FREE) && noOtherPrice(spec));

const contradiction = (name: string, spec: TierSpec): string | undefined =>
  declaredFree(name) && costs(spec)
    ? `is called free but has a price; name it "${name.replace(/_free$/, '_paid')}" or remove the price`
    : undefined;

function readTier(capability: string, name: string, spec: TierSpec): Tier {
  const price = readPrice(spec);
  const free = declaredFree(name) || (priceKnown(spec) && !costs(spec));
  return {
    capability,
    name,
    provider: spec.provider,
    model: spec.model,
    free,
    price: free ? FREE : price,
    maxOutputTokens: spec.maxOutputTokens,
    reasoning: spec.reasoning ?? false,
  };
}

const FREE: Price = { inputPerMillion: 0n, cachedPerMillion: 0n, outputPerMillion: 0n };

function priceKnown(spec: TierSpec): boolean {
  return (
    spec.price !== undefined ||
    spec.cost_per_1k_tokens !== undefined ||
    spec.cost_per_minute !== undefined ||
    spec.cost_per_image !== undefined
  );
}

const zero = (value: string | number | undefined): boolean => value === undefined || Number(value) === 0;

/** Prices per minute or image say nothing about tokens, but a tier that has one is not free. */
const noOtherPrice = (spec: TierSpec): boolean =>
  zero(spec.cost_per_minute) &&
  zero(spec.cost_per_image) &&
  zero(spec.price?.perMinuteUsd) &&
  zero(spec.price?.perImageUsd);

function readPrice({ price, cost_per_1k_tokens: per1k }: TierSpec): Price | undefined {
  if (price?.inputPerMillionUsd !== undefined && price.outputPerMillionUsd !== undefined) {
    const { inputPerMillionUsd, outputPerMillionUsd, ...others } = price;
    return priceFromUsd({ inputPerMillionUsd, outputPerMillionUsd, ...others });
  }
  return per1k === undefined ? undefined : priceFromCostPer1k(per1k);
}
