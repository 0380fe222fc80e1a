import type { ChatCall } from '../dialect.js';

type RulesOut = NonNullable<ChatCall['rulesOut']>;

const NEVER = ['audioInput', 'audioOutput', 'imageOutput'] as const;
const NO_WRITES: RulesOut = [...NEVER, 'cacheWrite', 'cacheWriteLong'];
const SHORT_WRITES: RulesOut = [...NEVER, 'cacheWriteLong'];
const ALL_WRITES: RulesOut = NEVER;

const RANK = new Map([NO_WRITES, SHORT_WRITES, ALL_WRITES].map((kinds, rank) => [kinds, rank]));
const dearer = (a: RulesOut, b: RulesOut): RulesOut => ((RANK.get(a) ?? 0) >= (RANK.get(b) ?? 0) ? a : b);

/**
 * Kinds of tokens that a request cannot be billed for: nothing is written to the prompt cache unless something in it
 * asks for that, and nothing for the longer time unless it says so. Writing costs 1.25 times the input price, or twice.
 */
export function withoutCacheWrites(value: unknown): RulesOut {
  if (typeof value !== 'object' || value === null) return NO_WRITES;
  let most = NO_WRITES;
  for (const [name, item] of Object.entries(value)) {
    const found = name === 'cache_control' && item !== null ? writesOf(item) : withoutCacheWrites(item);
    most = dearer(most, found);
    if (most === ALL_WRITES) break;
  }
  return most;
}

const writesOf = (control: unknown): RulesOut => {
  const ttl = (control as { ttl?: unknown } | undefined)?.ttl;
  return ttl === undefined || ttl === null || ttl === '5m' ? SHORT_WRITES : ALL_WRITES;
};
