import { Injectable } from '@nestjs/common';
import type { ModelTier, ProviderStatus } from '@purser/contracts';
import { formatUsd } from '@purser/money';
import { noPrice } from '../prices/price-table.js';
import { Ladders, type Tier } from './ladders.js';
import { Providers } from './providers.js';

interface Entry {
  id: string;
  owner: string;
  maxOutputTokens: number | undefined;
  contextWindow: number | undefined;
}

/** Whichever tier answers, so much fits; undefined when one of them has not said. */
function leastWindow(tiers: readonly Tier[]): number | undefined {
  const windows = tiers.map(({ contextWindow }) => contextWindow);
  return windows.every((window) => window !== undefined) ? Math.min(...windows) : undefined;
}

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

  /** As OpenAI's `GET /v1/models` tells it, and the window where it is known: capabilities and concrete models alike. */
  openAiList(): { object: 'list'; data: object[] } {
    const entry = ({ id, owner, contextWindow }: Entry) => ({
      id,
      object: 'model',
      created: 0,
      owned_by: owner,
      ...(contextWindow === undefined ? {} : { context_window: contextWindow }),
    });
    return { object: 'list', data: this.entries().map(entry) };
  }

  /** The same as Anthropic tells it, all on one page. */
  anthropicList(): { data: object[]; has_more: false; first_id: string | null; last_id: string | null } {
    const entries = this.entries();
    const data = entries.map(({ id, maxOutputTokens = null }) => ({
      type: 'model',
      id,
      display_name: id,
      // Its clients expect a date, and the epoch where it is not known.
      created_at: '1970-01-01T00:00:00Z',
      lifecycle: 'active',
      capabilities: null,
      line: null,
      deprecated_at: null,
      retires_at: null,
      max_input_tokens: null,
      max_tokens: maxOutputTokens,
    }));
    return { data, has_more: false, first_id: entries[0]?.id ?? null, last_id: entries.at(-1)?.id ?? null };
  }

  private entries(): Entry[] {
    const windowOf = (id: string) => leastWindow(this.ladders.route(id)?.tiers ?? []);
    const capabilities = this.ladders.capabilities.map((id) => {
      return { id, owner: 'purser', maxOutputTokens: undefined, contextWindow: windowOf(id) };
    });
    const models = this.ladders.models.map(({ model, provider, maxOutputTokens }) => {
      return [model, { id: model, owner: provider, maxOutputTokens, contextWindow: windowOf(model) }] as const;
    });
    return [...capabilities, ...new Map(models).values()];
  }

  private describe({ capability, name, provider, model, free, price, freeQuota }: Tier): ModelTier {
    const cooling = this.providers.circuits.waiting(provider, model);
    const reason =
      this.providers.unavailable(provider) ??
      (price || freeQuota ? undefined : noPrice({ provider, model })) ??
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
            cachedUsd: formatUsd(price.cachedPerMillion ?? price.inputPerMillion),
            outputUsd: formatUsd(price.outputPerMillion),
          }
        : null,
    };
  }
}
