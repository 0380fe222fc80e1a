import { ProviderError } from './model-provider.js';
import type { PluginContext } from './plugin.js';

/** Of a provider that many servers imitate: what stands in the environment, and which hosts are its own. */
export interface KeyedProvider {
  baseUrl: string;
  /** The variable that may name another one. */
  baseUrlEnv: string;
  /** Such as another one may be, for the error. */
  example: string;
  keyEnv: string;
  isOwn(host: string): boolean;
}

/** Where calls go now. */
export interface KeyedAddress {
  /** As it was given. */
  baseUrl: string;
  url: URL;
  /** One of the provider's own hosts. */
  own: boolean;
}

/** Where calls go now, and with which key. */
export interface KeyedEndpoint extends KeyedAddress {
  /** Without user name and password, to be shown. */
  shown: string;
  key: string | undefined;
  /** The variable that the key comes from, if one applies. */
  keyName: string | undefined;
  /** No call can succeed without the key. */
  keyRequired: boolean;
}

const MOST_PARSED = 100;
const parsed = new Map<string, URL>();

/** Every call asks, and addresses hardly ever change. */
function parse(baseUrl: string, { baseUrlEnv, example }: KeyedProvider): URL {
  const known = parsed.get(baseUrl);
  if (known) return known;
  const url = URL.parse(baseUrl);
  if (!url || !/^https?:$/.test(url.protocol))
    throw new ProviderError('invalid_request', `${baseUrlEnv} is not an http or https URL such as "${example}"`, {
      mayBill: false,
    });
  if (parsed.size >= MOST_PARSED) parsed.clear();
  parsed.set(baseUrl, url);
  return url;
}

/** For what depends on the address alone: a key is not even looked up. As `keyedEndpoint` in all else. */
export function keyedAddress(
  provider: KeyedProvider,
  given: string | undefined,
  context: Pick<PluginContext, 'secret'>,
): KeyedAddress {
  const baseUrl = given ?? context.secret(provider.baseUrlEnv) ?? provider.baseUrl;
  const url = parse(baseUrl, provider);
  return { baseUrl, url, own: provider.isOwn(url.hostname) };
}

/**
 * The configured address, else the environment's, else the provider's own. With a configured address that is none of the
 * provider's no key is sent unless its variable is named, so that a key never goes to somebody else's server. To be
 * asked anew for every call: secrets may be rotated. Throws a ProviderError when the address is none.
 */
export function keyedEndpoint(
  provider: KeyedProvider,
  given: { baseUrl: string | undefined; keyEnv: string | undefined },
  context: Pick<PluginContext, 'secret'>,
): KeyedEndpoint {
  const { baseUrl, url, own } = keyedAddress(provider, given.baseUrl, context);
  const keyName = given.keyEnv ?? (given.baseUrl === undefined || own ? provider.keyEnv : undefined);
  return {
    baseUrl,
    url,
    shown: `${url.origin}${url.pathname}`,
    key: keyName === undefined ? undefined : context.secret(keyName),
    keyName,
    keyRequired: own || given.keyEnv !== undefined,
    own,
  };
}
