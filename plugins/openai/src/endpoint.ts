import { type PluginContext, ProviderError } from '@purser/plugin-sdk';
import type { OpenAiConfig } from './config.js';

const standardBaseUrl = 'https://api.openai.com/v1';
const standardKey = 'OPENAI_API_KEY';

/** Where calls go now, and with which key. */
export interface Endpoint {
  baseUrl: string;
  /** Without user name and password, to be shown. */
  shown: string;
  key: string | undefined;
  /** The variable that the key comes from, if one applies. */
  keyName: string | undefined;
  /** No call can succeed without the key. */
  keyRequired: boolean;
  /** One of OpenAI's own hosts. */
  own: boolean;
  outputLimitField: 'max_completion_tokens' | 'max_tokens';
  /** It serves the Responses API too, as far as its address tells. */
  speaksResponses: boolean;
  organization: string | null;
  project: string | null;
}

const isOwn = (host: string) => host === 'api.openai.com' || host.endsWith('.api.openai.com');
const isAzure = (host: string) => host.endsWith('.openai.azure.com');

const parsed = new Map<string, URL>();

/** Every call asks, and addresses hardly ever change. */
function parse(baseUrl: string): URL {
  const known = parsed.get(baseUrl);
  if (known) return known;
  const url = URL.parse(baseUrl);
  if (url && /^https?:$/.test(url.protocol)) {
    if (parsed.size >= 100) parsed.clear();
    parsed.set(baseUrl, url);
    return url;
  }
  throw new ProviderError(
    'invalid_request',
    'OPENAI_BASE_URL is not an http or https URL such as "http://127.0.0.1:8000/v1"',
    { mayBill: false },
  );
}

/** Read anew for every call: secrets may be rotated. */
export function endpoint(config: OpenAiConfig, context: PluginContext): Endpoint {
  const baseUrl = config.baseUrl ?? context.secret('OPENAI_BASE_URL') ?? standardBaseUrl;
  const url = parse(baseUrl);
  const own = isOwn(url.hostname);
  const keyName = config.apiKeyEnv ?? (config.baseUrl === undefined || own ? standardKey : undefined);
  return {
    baseUrl,
    shown: `${url.origin}${url.pathname}`,
    key: keyName === undefined ? undefined : context.secret(keyName),
    keyName,
    keyRequired: own || config.apiKeyEnv !== undefined,
    own,
    outputLimitField:
      config.outputLimitField ?? (own || isAzure(url.hostname) ? 'max_completion_tokens' : 'max_tokens'),
    speaksResponses: own || isAzure(url.hostname),
    organization: own ? (context.secret('OPENAI_ORG_ID') ?? null) : null,
    project: own ? (context.secret('OPENAI_PROJECT_ID') ?? null) : null,
  };
}

/** What to do about a key that is missing or refused. */
export function keyAdvice({ own, keyName }: Endpoint): string {
  if (keyName === undefined) return 'name the environment variable of its key as "apiKeyEnv" in config/plugins.json';
  const where = own ? ' (keys are made at https://platform.openai.com/api-keys)' : '';
  return `set ${keyName} in the environment that Purser is started from${where}`;
}
