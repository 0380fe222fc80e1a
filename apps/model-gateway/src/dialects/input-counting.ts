import type { ChatProvider, PassThrough } from '@purser/plugin-sdk';
import type { InputCounting } from '../calls/model-call.js';
import { countableTexts } from './countable-texts.js';
import type { ChatCall, ChatTranslation, Dialect } from './dialect.js';

/** The input does not depend on it, but for what a thinking model is told about its room. */
const LIMIT = 4_096;

/** What can be counted of a call that travels as its client wrote it. */
export function nativeCounting(counting: PassThrough['counting'], dialect: Dialect, call: ChatCall): InputCounting {
  const { longTexts, size, headers, maxOutputTokens = LIMIT } = call;
  const bodyFor = (model: string) => dialect.nativeBody(call, { model, maxOutputTokens });
  return {
    protocol: dialect.name,
    size,
    ...(counting
      ? {
          byProvider: (model, options) =>
            counting.count({ body: longTexts.serialise(counting.reduce(bodyFor(model))), headers }, options),
        }
      : {}),
    texts: () => countableTexts(bodyFor(''), size, longTexts),
  };
}

/** Of one that is asked for in chat completions. */
export function translatedCounting(
  provider: ChatProvider,
  { body }: ChatTranslation,
  { longTexts, size, maxOutputTokens = LIMIT }: ChatCall,
): InputCounting {
  return {
    protocol: 'chat-completions',
    size,
    ...(provider.countTokens && provider.countBoundsInput
      ? {
          byProvider: (model, options) =>
            provider.countTokens!(
              longTexts.restore({ ...body, model, max_completion_tokens: maxOutputTokens }),
              options,
            ),
        }
      : {}),
    texts: () => countableTexts(body, size, longTexts),
  };
}
