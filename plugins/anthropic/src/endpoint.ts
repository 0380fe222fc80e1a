import {
  type HttpTarget,
  type KeyedEndpoint,
  keyedEndpoint,
  type KeyedProvider,
  type PluginContext,
} from '@purser/plugin-sdk';
import type { AnthropicConfig } from './config.js';

const anthropic: KeyedProvider = {
  baseUrl: 'https://api.anthropic.com',
  baseUrlEnv: 'ANTHROPIC_BASE_URL',
  example: 'http://127.0.0.1:8000',
  keyEnv: 'ANTHROPIC_API_KEY',
  isOwn: (host) => host === 'api.anthropic.com' || host.endsWith('.api.anthropic.com'),
};
/**
 * The version before 2026-10-21, which takes no `temperature`, `top_p` and `top_k` any more, not even for models that
 * do: https://platform.claude.com/docs/en/api/versioning. Answers are the same in both.
 */
const version = '2023-06-01';

/** Where calls go now, and with which key; the address without `/v1`. */
export type Endpoint = KeyedEndpoint;

/** Read anew for every call: secrets may be rotated. */
export function endpoint(config: AnthropicConfig, context: PluginContext): Endpoint {
  const at = keyedEndpoint(anthropic, { baseUrl: config.baseUrl, keyEnv: config.apiKeyEnv }, context);
  // Anthropic's own clients add `/v1`; who knows OpenAI's has written it already.
  return { ...at, baseUrl: at.baseUrl.replace(/\/+$/, '').replace(/\/v1$/, '') };
}

/** What every call carries. Both ways of sending a key are documented; older compatible servers know this one alone. */
export const headersFor = ({ key }: Endpoint): Record<string, string> => ({
  'content-type': 'application/json',
  'anthropic-version': version,
  ...(key === undefined ? {} : { 'x-api-key': key }),
});

const passedHeaders = ['anthropic-version', 'anthropic-beta'];

/** Where a client's own request goes, with the version and the beta features that it asks for. */
export function messagesTarget(
  at: Endpoint,
  given: Readonly<Record<string, string>>,
  path = '/v1/messages',
): HttpTarget {
  const asked = Object.entries(given).filter(([name]) => passedHeaders.includes(name));
  return {
    url: `${at.baseUrl}${path}`,
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
