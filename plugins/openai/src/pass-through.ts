import { type ChatProtocol, httpPassThrough, type PassThrough, type PluginContext } from '@purser/plugin-sdk';
import type { OpenAiConfig } from './config.js';
import { type Endpoint, endpoint, server } from './endpoint.js';

const headersOf = ({ key, organization, project }: Endpoint): Record<string, string> => ({
  ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
  ...(organization === null ? {} : { 'openai-organization': organization }),
  ...(project === null ? {} : { 'openai-project': project }),
});

/** Calls of OpenAI's own protocols, as they came; chat completions but for the name of the output limit and the usage of streams. */
export class PassThroughs {
  private readonly all: Readonly<Partial<Record<ChatProtocol, PassThrough>>>;
  private readonly chatAlone: Readonly<Partial<Record<ChatProtocol, PassThrough>>>;

  constructor(
    private readonly config: OpenAiConfig,
    private readonly context: PluginContext,
  ) {
    const chat = this.way('chat/completions', ({ max_completion_tokens: limit, stream_options: options, ...body }) => ({
      ...body,
      [server(config, context).outputLimitField]: limit,
      ...(options === undefined || !config.requestStreamUsage ? {} : { stream_options: options }),
    }));
    this.chatAlone = { 'chat-completions': chat };
    this.all = { ...this.chatAlone, responses: this.way('responses') };
  }

  /** What the server at the address of now speaks. */
  now(): Readonly<Partial<Record<ChatProtocol, PassThrough>>> {
    return this.speaksResponses() ? this.all : this.chatAlone;
  }

  private speaksResponses(): boolean {
    const { protocols } = this.config;
    if (protocols) return protocols.includes('responses');
    try {
      return server(this.config, this.context).speaksResponses;
    } catch {
      // Every call will tell what is wrong with the address.
      return false;
    }
  }

  private way(path: string, adapt?: PassThrough['adapt']): PassThrough {
    return httpPassThrough({
      target: () => {
        const at = endpoint(this.config, this.context);
        return {
          url: `${at.baseUrl.replace(/\/+$/, '')}/${path}`,
          headers: headersOf(at),
          shown: at.shown,
          secrets: [at.key],
        };
      },
      closing: this.context.signal,
      ...(adapt ? { adapt } : {}),
    });
  }
}
