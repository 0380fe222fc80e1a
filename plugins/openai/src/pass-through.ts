import { httpPassThrough, type PassThrough, type PluginContext } from '@purser/plugin-sdk';
import type { OpenAiConfig } from './config.js';
import { type Endpoint, endpoint } from './endpoint.js';

const headersOf = ({ key, organization, project }: Endpoint): Record<string, string> => ({
  ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  ...(organization === null ? {} : { 'openai-organization': organization }),
  ...(project === null ? {} : { 'openai-project': project }),
});

/** Calls of OpenAI's own protocol, as they came but for the name of the output limit and the usage of streams. */
export function chatPassThrough(config: OpenAiConfig, context: PluginContext): PassThrough {
  return httpPassThrough({
    target: () => {
      const at = endpoint(config, context);
      return {
        url: `${at.baseUrl.replace(/\/+$/, '')}/chat/completions`,
        headers: headersOf(at),
        shown: at.shown,
        secrets: [at.key],
      };
    },
    adapt: ({ max_completion_tokens: limit, stream_options: options, ...body }) => ({
      ...body,
      [endpoint(config, context).outputLimitField]: limit,
      ...(options === undefined || !config.requestStreamUsage ? {} : { stream_options: options }),
    }),
  });
}
