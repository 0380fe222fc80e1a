import { readChatUsage } from './chat-usage.js';

it('reads what OpenAI tells', () => {
  const usage = {
    prompt_tokens: 20,
    completion_tokens: 7,
    total_tokens: 27,
    prompt_tokens_details: { cached_tokens: 16, cache_write_tokens: 2, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 5 },
  };
  expect(readChatUsage(usage, 'default')).toEqual({
    inputTokens: 20,
    outputTokens: 7,
    cachedTokens: 16,
    cacheWriteTokens: 2,
    reasoningTokens: 5,
  });
  expect(readChatUsage(usage, 'priority')).toMatchObject({ serviceTier: 'priority' });
});

it('counts reasoning that a server adds only to the total', () => {
  const usage = { prompt_tokens: 20, completion_tokens: 7, total_tokens: 127 };
  expect(readChatUsage(usage)).toEqual({ inputTokens: 20, outputTokens: 107, cachedTokens: 0 });
});

it('takes no part for larger than the whole', () => {
  const usage = {
    prompt_tokens: 2,
    completion_tokens: 1,
    prompt_tokens_details: { cached_tokens: 9 },
    completion_tokens_details: { reasoning_tokens: 9 },
  };
  expect(readChatUsage(usage)).toEqual({ inputTokens: 2, outputTokens: 1, cachedTokens: 2, reasoningTokens: 1 });
});

it.each([null, undefined, 'many', {}, { prompt_tokens: 1 }, { prompt_tokens: -1, completion_tokens: 2 }])(
  'makes nothing up from %j',
  (usage) => {
    expect(readChatUsage(usage)).toBeUndefined();
  },
);
