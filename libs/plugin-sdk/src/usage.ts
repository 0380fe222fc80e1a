/**
 * Counts as a provider bills them. What stands further down is part of `inputTokens` or `outputTokens`, never beside
 * them; what is left out is zero. Hidden reasoning is part of `outputTokens`.
 */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** Read from the provider's prompt cache; part of `inputTokens`. */
  cachedTokens: number;
  /** Written to the prompt cache, for its standard time (Anthropic: 5 minutes); part of `inputTokens`. */
  cacheWriteTokens?: number;
  /** Written to the prompt cache for the longer time (Anthropic: 1 hour); part of `inputTokens`, not of `cacheWriteTokens`. */
  cacheWriteLongTokens?: number;
  /** Part of `inputTokens`. */
  audioInputTokens?: number;
  /** Part of `inputTokens`; told by models that price pictures apart. */
  imageInputTokens?: number;
  /** Part of `outputTokens`. */
  audioOutputTokens?: number;
  /** Part of `outputTokens`. */
  imageOutputTokens?: number;
  /** Part of `outputTokens`; told for statistics, priced as output. */
  reasoningTokens?: number;
  /** Of audio that was listened to. */
  audioSeconds?: number;
  /** Pictures made. */
  images?: number;
  /** The tier of service that the answer names (`priority`, `flex`, `batch`); undefined for the standard one. */
  serviceTier?: string;
}
