import { inputTokenBound } from '@purser/money';
import { canChat, type ChatProvider, type ModelProvider, type PassThrough, unmetParameters } from '@purser/plugin-sdk';
import type { InputBounds, ModelCall, Passage, Unmet } from '../calls/model-call.js';
import type { ChatCall, ChatTranslation, Dialect } from './dialect.js';
import { nativeCounting, translatedCounting } from './input-counting.js';
import { NativeTarget } from './native-target.js';
import { TranslatedTarget } from './translated-target.js';

/** A chat call, whichever protocol it came in: to a provider that speaks it untranslated, to others by way of chat completions. */
export class ChatModelCall implements ModelCall {
  readonly bounds: InputBounds;
  private translation: ChatTranslation | undefined;

  constructor(
    readonly dialect: Dialect,
    private readonly call: ChatCall,
  ) {
    const { size, rulesOut, serviceTier } = call;
    this.bounds = { inputTokens: inputTokenBound(size), without: rulesOut, serviceTier };
  }

  get kind(): string {
    return this.dialect.name;
  }

  get model(): string {
    return this.call.model;
  }

  get streaming(): boolean {
    return this.call.streaming;
  }

  get maxOutputTokens(): number | undefined {
    return this.call.maxOutputTokens;
  }

  get limitParameter(): string {
    return this.call.limitParameter;
  }

  get limitMayBeCut(): boolean {
    return this.call.limitRequired === true;
  }

  get choices(): number {
    return this.call.choices;
  }

  pricedParameters(): string[] {
    return this.dialect.pricedParameters(this.call);
  }

  via(provider: ModelProvider, name: string): Passage | Unmet {
    const native = provider.passThrough?.[this.dialect.name];
    if (native) return this.native(provider, native, name);
    if (canChat(provider)) return this.translated(provider, name);
    return { unmet: `${name} has no chat models` };
  }

  private native(provider: ModelProvider, pass: PassThrough, name: string): Passage | Unmet {
    // Names of chat completions' parameters mean nothing in another protocol.
    const asked = this.dialect.name === 'chat-completions' ? this.call.body : {};
    const [unmet] = unmetParameters(asked, provider.unsupportedParameters ?? []);
    if (unmet !== undefined) return { unmet: `${name} cannot honour ${unmet}`, param: unmet };
    const { dialect, call } = this;
    return {
      get counting() {
        return nativeCounting(provider.countBoundsInput ? pass.counting : undefined, dialect, call);
      },
      standardTier: standardTier(provider, call.body),
      to: (model, maxOutputTokens, serviceTier) =>
        new NativeTarget(
          pass,
          dialect,
          call,
          { name, model, maxOutputTokens, serviceTier },
          provider.cancelledCallsBill,
        ),
    };
  }

  private translated(provider: ChatProvider, name: string): Passage | Unmet {
    const translation = (this.translation ??= this.dialect.toChat(this.call));
    const [lost] = translation.lost;
    if (lost !== undefined)
      return {
        unmet: `${name} does not speak this protocol, and chat completions have nothing for ${lost}`,
        param: lost,
      };
    const [unmet] = unmetParameters(translation.body, provider.unsupportedParameters ?? []);
    if (unmet !== undefined) return { unmet: `${name} cannot honour ${unmet}`, param: unmet };
    const { dialect, call } = this;
    return {
      get counting() {
        return translatedCounting(provider, translation, call);
      },
      standardTier: standardTier(provider, translation.body),
      to: (model, maxOutputTokens, serviceTier) =>
        new TranslatedTarget(provider, dialect, call, {
          ...translation.body,
          ...(serviceTier === undefined ? {} : { service_tier: serviceTier }),
          model,
          max_completion_tokens: maxOutputTokens,
        }),
    };
  }
}

/** Also `auto` is a client's own word. */
const standardTier = (provider: ModelProvider, { service_tier: named }: Readonly<Record<string, unknown>>) =>
  named === undefined || named === null ? provider.standardServiceTier : undefined;
