import { Injectable } from '@nestjs/common';
import type { ModelTier, ProviderStatus } from '@purser/contracts';
import { formatUsd } from '@purser/money';
import { Ladders, type Tier } from './ladders.js';
import { Providers } from './providers.js';

/** What can be asked for, and what of it works now. */
@Injectable()
export class ModelCatalogue {
  constructor(
    private readonly ladders: Ladders,
    private readonly providers: Providers,
  ) {}

  async list(): Promise<{ tiers: ModelTier[]; providers: ProviderStatus[] }> {
    await this.providers.checkedOnce();
    return { tiers: this.ladders.tiers.map((tier) => this.describe(tier)), providers: this.providers.statuses() };
  }

  /** As OpenAI's `GET /v1/models` tells it: capabilities and concrete models alike. */
  openAiList(): { object: 'list'; data: object[] } {
    const entry = (id: string, owner: string) => ({ id, object: 'model', created: 0, owned_by: owner });
    const capabilities = this.ladders.capabilities.map((id) => entry(id, 'purser'));
    const models = new Map(this.ladders.models.map(({ model, provider }) => [model, entry(model, provider)]));
    return { object: 'list', data: [...capabilities, ...models.values()] };
  }

  private describe({ capability, name, provider, model, free, price }: Tier): ModelTier {
    const cooling = this.providers.circuits.waiting(provider, model);
    const reason =
      this.providers.unavailable(provider) ??
      (price ? undefined : NO_PRICE) ??
      this.providers.unlisted(provider, model) ??
      (cooling && `left alone for ${Math.ceil(cooling.ms / 1000)} s more (${cooling.reason})`);
    return {
      capability,
      tier: name,
      provider,
      model,
      free,
      available: reason === undefined,
      reason: reason ?? null,
      price: price
        ? {
            inputUsd: formatUsd(price.inputPerMillion),
            cachedUsd: formatUsd(price.cachedPerMillion),
            outputUsd: formatUsd(price.outputPerMillion),
          }
        : null,
    };
  }
}

export const NO_PRICE =
  'no price per token: give it "price" or "cost_per_1k_tokens" in models.json, or end its name with "_free"';
