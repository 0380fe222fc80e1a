import { Injectable } from '@nestjs/common';
import { providerCountBound, tokenizedBound } from '@purser/money';
import { Log } from '@purser/service';
import type { InputCounting, ModelCall } from '../calls/model-call.js';
import type { Tier } from '../models/ladders.js';
import { Providers } from '../models/providers.js';
import { Tokenizers } from './tokenizers.js';

/** A call waits for its count, also for a tokenizer that has to be loaded first; the next tier is there too. */
const MOST_MS = 5_000;

type Bound = Promise<number | undefined>;

/**
 * Bounds of what a call's input can be billed at, from above like the bound by bytes, and tighter: from the provider's own
 * count where it gives one, else by the model's tokenizer where that is known. Counted once per call, however many tiers
 * ask.
 */
@Injectable()
export class InputCounts {
  private readonly known = new WeakMap<ModelCall, Map<string, Bound>>();

  constructor(
    private readonly providers: Providers,
    private readonly tokenizers: Tokenizers,
    private readonly log: Log,
  ) {}

  /** Whether there is anybody to ask. */
  canBound(tier: Tier, counting: InputCounting | undefined): counting is InputCounting {
    return counting !== undefined && (counting.byProvider !== undefined || this.tokenizerOf(tier) !== undefined);
  }

  /** Input tokens at most; undefined when nobody can say now. Never rejects. */
  bound(call: ModelCall, tier: Tier, counting: InputCounting, signal: AbortSignal): Bound {
    const known = this.known.get(call) ?? new Map<string, Bound>();
    this.known.set(call, known);
    const tokenizer = this.tokenizerOf(tier);
    const name = counting.byProvider ? `${tier.provider}/${tier.model}` : `${tokenizer} ${counting.protocol}`;
    const bound = known.get(name) ?? this.count(tier, counting, signal);
    known.set(name, bound);
    return bound;
  }

  private tokenizerOf({ tokenizer, provider, model }: Tier) {
    return tokenizer ?? this.providers.get(provider)?.tokenizerOf?.(model);
  }

  private async count(tier: Tier, counting: InputCounting, signal: AbortSignal): Bound {
    const { provider, model } = tier;
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(MOST_MS)]);
      if (counting.byProvider)
        return providerCountBound(await counting.byProvider(model, { signal: limit }), counting.size);
      const tokenizer = this.tokenizerOf(tier);
      if (!tokenizer) return undefined;
      const { texts, rest } = counting.texts();
      const tokens = await this.tokenizers.count(tokenizer, texts, limit);
      return tokens === undefined ? undefined : tokenizedBound({ tokens, seams: texts.length }, rest);
    } catch (error) {
      if (!signal.aborted) this.log.warn({ error, provider, model }, 'the input of a call could not be counted');
      return undefined;
    }
  }
}
