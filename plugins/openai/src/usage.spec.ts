import { readUsage } from './usage.js';

describe('readUsage', () => {
  it('reads what OpenAI tells', () => {
    const usage = {
      prompt_tokens: 20,
      completion_tokens: 7,
      total_tokens: 27,
      prompt_tokens_details: { cached_tokens: 16 },
    };
    expect(readUsage(usage)).toEqual({ inputTokens: 20, outputTokens: 7, cachedTokens: 16 });
  });

  it('counts reasoning that a server adds only to the total', () => {
    const usage = { prompt_tokens: 20, completion_tokens: 7, total_tokens: 127 };
    expect(readUsage(usage)).toEqual({ inputTokens: 20, outputTokens: 107, cachedTokens: 0 });
  });

  it.each([null, undefined, 'many', {}, { prompt_tokens: 1 }, { prompt_tokens: -1, completion_tokens: 2 }])(
    'makes nothing up from %j',
    (usage) => {
      expect(readUsage(usage)).toBeUndefined();
    },
  );
});
