import type { ChatCall } from './dialect.js';

/**
 * Kinds of tokens that no request of OpenAI's protocols is billed for where a budget applies: sound and pictures as
 * output, and what is kept in the prompt cache for longer, are asked for by parameters that are refused there. Writing to
 * the cache is not ruled out: newer models do it by themselves, at a price of its own.
 */
export const OPENAI_RULES_OUT: NonNullable<ChatCall['rulesOut']> = [
  'cacheWriteLong',
  'audioInput',
  'audioOutput',
  'imageOutput',
];

/** `auto` leaves the choice to the settings of the provider's project, which nobody here knows. */
export const namedServiceTier = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== 'auto' ? value : undefined;
