import {
  type KeyedAddress,
  keyedAddress,
  type KeyedEndpoint,
  keyedEndpoint,
  type KeyedProvider,
  type PluginContext,
} from '@purser/plugin-sdk';
import type { OpenAiConfig } from './config.js';

const openAi: KeyedProvider = {
  baseUrl: 'https://api.openai.com/v1',
  baseUrlEnv: 'OPENAI_BASE_URL',
  example: 'http://127.0.0.1:8000/v1',
  keyEnv: 'OPENAI_API_KEY',
  isOwn: (host) => host === 'api.openai.com' || host.endsWith('.api.openai.com'),
};
const isAzure = (host: string) => host.endsWith('.openai.azure.com');

/** What the address tells of the server there. */
export interface Server {
  own: boolean;
  outputLimitField: 'max_completion_tokens' | 'max_tokens';
  /** It serves the Responses API too, as far as its address tells. */
  speaksResponses: boolean;
}

/** Where calls go now, and with which key. */
export interface Endpoint extends KeyedEndpoint, Server {
  organization: string | null;
  project: string | null;
}

function serverAt({ own, url }: KeyedAddress, { outputLimitField }: OpenAiConfig): Server {
  const openAiKind = own || isAzure(url.hostname);
  return {
    own,
    outputLimitField: outputLimitField ?? (openAiKind ? 'max_completion_tokens' : 'max_tokens'),
    speaksResponses: openAiKind,
  };
}

/** Several questions of each call are about it alone. */
export const server = (config: OpenAiConfig, context: PluginContext): Server =>
  serverAt(keyedAddress(openAi, config.baseUrl, context), config);

/** Read anew for every call: secrets may be rotated. */
export function endpoint(config: OpenAiConfig, context: PluginContext): Endpoint {
  const at = keyedEndpoint(openAi, { baseUrl: config.baseUrl, keyEnv: config.apiKeyEnv }, context);
  return {
    ...at,
    ...serverAt(at, config),
    organization: at.own ? (context.secret('OPENAI_ORG_ID') ?? null) : null,
    project: at.own ? (context.secret('OPENAI_PROJECT_ID') ?? null) : null,
  };
}

/** What to do about a key that is missing or refused. */
export function keyAdvice({ own, keyName }: Endpoint): string {
  if (keyName === undefined) return 'name the environment variable of its key as "apiKeyEnv" in config/plugins.json';
  const where = own ? ' (keys are made at https://platform.openai.com/api-keys)' : '';
  return `set ${keyName} in the environment that Purser is started from${where}`;
}
