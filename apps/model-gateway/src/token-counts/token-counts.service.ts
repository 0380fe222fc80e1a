import { Injectable } from '@nestjs/common';
import { PurserError } from '@purser/contracts';
import { canChat, type ModelProvider } from '@purser/plugin-sdk';
import { Log } from '@purser/service';
import type { ChatCall, ChatTranslation } from '../dialects/dialect.js';
import { withMarks } from '../dialects/with-marks.js';
import { Ladders, type Tier } from '../models/ladders.js';
import { Providers } from '../models/providers.js';

const COUNT_TIMEOUT_MS = 10_000;

/** A prompt to be counted, in whatever protocol it came. */
export interface CountedPrompt {
  call: ChatCall;
  toChat: (call: ChatCall) => ChatTranslation;
  /** About how many tokens it has, where no provider can say. */
  estimate: (call: ChatCall) => number;
}

/** `tier`: whose provider counted; undefined when the figure is an estimate of ours. */
export interface TokenCount {
  tokens: number;
  tier: Tier | undefined;
}

type Counter = ModelProvider & Required<Pick<ModelProvider, 'countTokens'>>;
const counts = (provider: ModelProvider | undefined): provider is Counter => provider?.countTokens !== undefined;

/** How long prompts are. It costs nothing, so no tier needs to be affordable. */
@Injectable()
export class TokenCounts {
  constructor(
    private readonly ladders: Ladders,
    private readonly providers: Providers,
    private readonly log: Log,
  ) {}

  /** As the first tier counts whose provider can; else estimated. */
  async count({ call, toChat, estimate }: CountedPrompt, signal: AbortSignal): Promise<TokenCount> {
    const route = this.ladders.route(call.model);
    if (!route)
      throw new PurserError('not_found', {
        message: `there is no capability or model "${call.model}"; GET /v1/models lists what there is`,
        details: { param: 'model', code: 'model_not_found' },
      });
    const { body, lost } = toChat(call);
    // What is lost in the translation would be missing in the count.
    const tier = lost.length > 0 ? undefined : route.tiers.find(({ provider }) => this.canCount(provider));
    const provider = tier && this.providers.get(tier.provider);
    if (!counts(provider)) return { tokens: estimate(call), tier: undefined };
    const limit = AbortSignal.any([signal, AbortSignal.timeout(COUNT_TIMEOUT_MS)]);
    try {
      const asked = { ...body, model: tier?.model ?? call.model, max_completion_tokens: 1 };
      const given = withMarks(provider, call.longTexts, asked, { signal: limit });
      return { tokens: await provider.countTokens(...given), tier };
    } catch (error) {
      signal.throwIfAborted();
      this.log.warn({ error, provider: tier?.provider, model: tier?.model }, 'a provider could not count tokens');
      return { tokens: estimate(call), tier: undefined };
    }
  }

  private canCount(name: string): boolean {
    const provider = this.providers.get(name);
    return counts(provider) && canChat(provider) && this.providers.unavailable(name) === undefined;
  }
}
