import { type HttpTarget, type PluginContext, ProviderError } from '@purser/plugin-sdk';
import type { AnthropicConfig } from './config.js';

const standardBaseUrl = 'https://api.anthropic.com';
const standardKey = 'ANTHROPIC_API_KEY';
/**
 * The version before 2026-10-21, which takes no `temperature`, `top_p` and `top_k` any more, not even for models that
 * do: https://platform.claude.com/docs/en/api/versioning. Answers are the same in both.
 */
const version = '2023-06-01';

/** Where calls go now, and with which key. */
export interface Endpoint {
  /** Without `/v1`. */
  baseUrl: string;
  /** Without user name and password, to be shown. */
  shown: string;
  key: string | undefined;
  /** The variable that the key comes from, if one applies. */
  keyName: string | undefined;
  /** No call can succeed without the key. */
  keyRequired: boolean;
  /** One of Anthropic's own hosts. */
  own: boolean;
}

const isOwn = (host: string) => host === 'api.anthropic.com' || host.endsWith('.api.anthropic.com');

function parse(baseUrl: string): URL {
  const url = URL.parse(baseUrl);
  if (url && /^https?:$/.test(url.protocol)) return url;
  throw new ProviderError(
    'invalid_request',
    'ANTHROPIC_BASE_URL is not an http or https URL such as "http://127.0.0.1:8000"',
    { mayBill: false },
  );
}

/** Read anew for every call: secrets may be rotated. */
export function endpoint(config: AnthropicConfig, context: PluginContext): Endpoint {
  const given = config.baseUrl ?? context.secret('ANTHROPIC_BASE_URL') ?? standardBaseUrl;
  const url = parse(given);
  const own = isOwn(url.hostname);
  const keyName = config.apiKeyEnv ?? (config.baseUrl === undefined || own ? standardKey : undefined);
  return {
    // Anthropic's own clients add `/v1`; who knows OpenAI's has written it already.
    baseUrl: given.replace(/\/+$/, '').replace(/\/v1$/, ''),
    shown: `${url.origin}${url.pathname}`,
    key: keyName === undefined ? undefined : context.secret(keyName),
    keyName,
    keyRequired: own || config.apiKeyEnv !== undefined,
    own,
  };
}

/** What every call carries. Both ways of sending a key are documented; older compatible servers know this one alone. */
export const headersFor = ({ key }: Endpoint): Record<string, string> => ({
  'content-type': 'application/json',
  'anthropic-version': version,
  ...(key === undefined ? {} : { 'x-api-key': key }),
});

const passedHeaders = ['anthropic-version', 'anthropic-beta'];

/** Where a client's own request goes, with the version and the beta features that it asks for. */
export function messagesTarget(at: Endpoint, given: Readonly<Record<string, string>>): HttpTarget {
  const asked = Object.entries(given).filter(([name]) => passedHeaders.includes(name));
  return {
    url: `${at.baseUrl}/v1/messages`,
    headers: { ...headersFor(at), ...Object.fromEntries(asked) },
    shown: at.shown,
    secrets: [at.key],
  };
}

/** What to do about a key that is missing or refused. */
export function keyAdvice({ own, keyName }: Endpoint): string {
  if (keyName === undefined) return 'name the environment variable of its key as "apiKeyEnv" in config/plugins.json';
  const where = own ? ' (keys are made at https://platform.claude.com/settings/keys)' : '';
  return `set ${keyName} in the environment that Purser is started from${where}`;
}
