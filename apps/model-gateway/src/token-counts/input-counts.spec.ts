import type { ModelProvider } from '@purser/plugin-sdk';
import { createLog } from '@purser/service';
import type { InputCounting, ModelCall } from '../calls/model-call.js';
import type { Tier } from '../models/ladders.js';
import type { Providers } from '../models/providers.js';
import { InputCounts } from './input-counts.service.js';
import type { Tokenizers } from './tokenizers.js';

const { signal } = new AbortController();
const size = { textBytes: 90_000, messages: 2, tools: 1, images: 0 };
const rest = { ...size, textBytes: 100 };
const FRAME = 128 + 2 * 8 + 64;

let tokenized: string[];
let tokens: number | undefined;
const tokenizers = {
  count: (tokenizer: string) => {
    tokenized.push(tokenizer);
    return Promise.resolve(tokens);
  },
} as unknown as Tokenizers;
const providers = {
  get: (name: string): Partial<ModelProvider> | undefined =>
    name === 'openai' ? { tokenizerOf: (model) => (model === 'gpt-5' ? 'o200k_base' : undefined) } : undefined,
} as Providers;
const counts = new InputCounts(providers, tokenizers, createLog({ service: 'spec', instance: 'one', level: 'silent' }));

const tier = (provider: string, model: string, more: Partial<Tier> = {}) => ({ provider, model, ...more }) as Tier;
const call = () => ({ bounds: { inputTokens: 90_000 } }) as ModelCall;
const texts: InputCounting = { protocol: 'chat-completions', size, texts: () => ({ texts: ['a', 'b'], rest }) };
beforeEach(() => {
  tokenized = [];
  tokens = 20_000;
});

it('counts with a tokenizer where the provider vouches for it, or whoever configured the model', () => {
  expect(counts.canBound(tier('openai', 'gpt-5'), texts)).toBe(true);
  expect(counts.canBound(tier('openai', 'gpt-6'), texts)).toBe(false);
  expect(counts.canBound(tier('vllm', 'gpt-5'), texts)).toBe(false);
  expect(counts.canBound(tier('vllm', 'gpt-oss', { tokenizer: 'o200k_base' }), texts)).toBe(true);
  expect(counts.canBound(tier('openai', 'gpt-5'), undefined)).toBe(false);
});

it('adds the rest by its bytes, the frame, and room for seams; once for all tiers with the same tokenizer', async () => {
  const one = call();
  for (const from of [tier('openai', 'gpt-5'), tier('vllm', 'x', { tokenizer: 'o200k_base' })])
    expect(await counts.bound(one, from, texts, signal)).toBe(20_000 + 2 * 8 + 100 + FRAME);
  expect(tokenized).toEqual(['o200k_base']);
  await counts.bound(one, tier('vllm', 'y', { tokenizer: 'cl100k_base' }), texts, signal);
  await counts.bound(one, tier('openai', 'gpt-5'), { ...texts, protocol: 'responses' }, signal);
  await counts.bound(call(), tier('openai', 'gpt-5'), texts, signal);
  expect(tokenized).toEqual(['o200k_base', 'cl100k_base', 'o200k_base', 'o200k_base']);
});

it('prefers what the provider itself counts, with a margin, once for each of its models', async () => {
  const asked: string[] = [];
  const byProvider = (model: string) => {
    asked.push(model);
    return Promise.resolve(10_000);
  };
  const one = call();
  for (const model of ['claude', 'claude', 'other'])
    expect(await counts.bound(one, tier('anthropic', model), { ...texts, byProvider }, signal)).toBe(10_500 + FRAME);
  expect(asked).toEqual(['claude', 'other']);
  expect(tokenized).toEqual([]);
});

it('says nothing when nobody can', async () => {
  tokens = undefined;
  expect(await counts.bound(call(), tier('openai', 'gpt-5'), texts, signal)).toBeUndefined();
  const byProvider = () => Promise.reject(new Error('it is down'));
  expect(await counts.bound(call(), tier('anthropic', 'claude'), { ...texts, byProvider }, signal)).toBeUndefined();
});
