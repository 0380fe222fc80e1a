import { laterUsage, openAiUsage, readUsage } from './usage.js';

const plain = { input_tokens: 20, output_tokens: 7 };

describe('readUsage', () => {
  it('adds up what Anthropic tells apart', () => {
    const usage = {
      ...plain,
      cache_read_input_tokens: 1000,
      cache_creation_input_tokens: 300,
      cache_creation: { ephemeral_5m_input_tokens: 200, ephemeral_1h_input_tokens: 100 },
      output_tokens_details: { thinking_tokens: 3 },
      service_tier: 'standard',
      speed: 'standard',
    };
    expect(readUsage(usage)).toEqual({
      inputTokens: 1320,
      outputTokens: 7,
      cachedTokens: 1000,
      cacheWriteTokens: 200,
      cacheWriteLongTokens: 100,
      reasoningTokens: 3,
    });
  });

  it('takes what is written without a time as written for the standard one', () => {
    const usage = { ...plain, cache_creation_input_tokens: 300, cache_read_input_tokens: null, cache_creation: null };
    expect(readUsage(usage)).toEqual({ inputTokens: 320, outputTokens: 7, cachedTokens: 0, cacheWriteTokens: 300 });
  });

  it.each([
    [{ service_tier: 'priority' }, 'priority'],
    [{ service_tier: 'batch', speed: 'standard' }, 'batch'],
    [{ service_tier: 'standard', speed: 'fast' }, 'fast'],
    [{ service_tier: 'standard' }, undefined],
    [{ service_tier: null }, undefined],
    [{}, undefined],
  ])('tells a tier that has another price: %j', (tier, expected) => {
    expect(readUsage({ ...plain, ...tier })?.serviceTier).toBe(expected);
  });

  it.each([null, undefined, 'many', {}, { input_tokens: 1 }, { input_tokens: -1, output_tokens: 2 }])(
    'makes nothing up from %j',
    (usage) => {
      expect(readUsage(usage)).toBeUndefined();
    },
  );
});

it('goes on from the start of a stream to its end', () => {
  const start = {
    ...plain,
    output_tokens: 1,
    cache_creation: { ephemeral_1h_input_tokens: 5 },
    service_tier: 'priority',
  };
  const end = { input_tokens: null, cache_creation_input_tokens: 5, output_tokens: 30 };
  expect(readUsage(laterUsage(start, end))).toEqual({
    inputTokens: 25,
    outputTokens: 30,
    cachedTokens: 0,
    cacheWriteLongTokens: 5,
    serviceTier: 'priority',
  });
  expect(laterUsage(undefined, undefined)).toBeUndefined();
});

it('is OpenAI’s for clients', () => {
  expect(openAiUsage({ inputTokens: 9, outputTokens: 2, cachedTokens: 4, reasoningTokens: 1 })).toEqual({
    prompt_tokens: 9,
    completion_tokens: 2,
    total_tokens: 11,
    prompt_tokens_details: { cached_tokens: 4 },
    completion_tokens_details: { reasoning_tokens: 1 },
  });
});
