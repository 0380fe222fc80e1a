import type { ChatProvider, ChatRequest, ModelProvider, PluginContext } from '@purser/plugin-sdk';
import plugin from './index.js';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

export const model = 'claude-demo-20990101';
export const models = { [model]: { inputPerMillionUsd: 3, outputPerMillionUsd: 15 } };

export type Provider = ChatProvider & Required<Pick<ModelProvider, 'countTokens' | 'passThrough'>>;

export function provide(config: object, secrets: Record<string, string> = {}): Provider {
  const context: PluginContext = {
    logger: quiet,
    secret: (name) => secrets[name],
    signal: new AbortController().signal,
  };
  return plugin.capabilities.modelProvider!(context, plugin.config.parse(config)) as Provider;
}

export const signal = new AbortController().signal;

export const request = (more: object = {}): ChatRequest => ({
  model,
  messages: [{ role: 'user', content: 'Hello' }],
  max_completion_tokens: 100,
  ...more,
});

export const send = (provider: Provider, body: object, headers: Record<string, string> = {}) =>
  provider.passThrough.messages!.send(
    { body: [new TextEncoder().encode(JSON.stringify(body))], streaming: false, headers },
    { signal },
  );
