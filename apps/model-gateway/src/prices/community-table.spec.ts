import { readCommunityTable } from './community-table.js';

const origin = { source: 'table.json', date: '2026-11-28' };
const read = (table: Record<string, unknown>, providers: Record<string, string> = { openai: 'openai', groq: 'groq' }) =>
  readCommunityTable(table, providers, origin);
const openai = (figures: object, mode = 'chat') => ({ litellm_provider: 'openai', mode, ...figures });
const one = (figures: object, mode?: string) => read({ m: openai(figures, mode) }).taken[0]?.price;
const why = (row: unknown) => read({ m: row }).skipped.map((skipped) => skipped.why);

it('takes every price that it knows, per million and exact', () => {
  expect(
    one({
      input_cost_per_token: 1.75e-6,
      cache_read_input_token_cost: 1.75e-7,
      cache_creation_input_token_cost: 2.1875e-6,
      cache_creation_input_token_cost_above_1hr: 3.5e-6,
      input_cost_per_audio_token: '0.00004',
      input_cost_per_image_token: 8e-6,
      output_cost_per_token: 1.4e-5,
      output_cost_per_audio_token: 8e-5,
      output_cost_per_image_token: 3e-5,
      max_input_tokens: 272_000,
      max_output_tokens: 128_000,
      max_tokens: 128_000,
      supports_reasoning: true,
      supports_vision: true,
      source: 'https://openai.com/api/pricing',
    }),
  ).toEqual({
    inputPerMillionUsd: '1.75',
    cachedPerMillionUsd: '0.175',
    cacheWritePerMillionUsd: '2.1875',
    cacheWriteLongPerMillionUsd: '3.5',
    audioInputPerMillionUsd: '40',
    imageInputPerMillionUsd: '8',
    outputPerMillionUsd: '14',
    audioOutputPerMillionUsd: '80',
    imageOutputPerMillionUsd: '30',
    contextWindow: 272_000,
    maxOutputTokens: 128_000,
    reasoning: true,
    source: 'https://openai.com/api/pricing',
    date: '2026-11-28',
  });
});

it('takes long contexts and service tiers', () => {
  expect(
    one({
      input_cost_per_token: 1e-5,
      output_cost_per_token: 5e-5,
      input_cost_per_token_above_272k_tokens: 2e-5,
      output_cost_per_token_above_272k_tokens: 7.5e-5,
      input_cost_per_token_priority: 2e-5,
      output_cost_per_token_priority: 1e-4,
      input_cost_per_token_above_272k_tokens_priority: 4e-5,
      input_cost_per_token_batches: 5e-6,
    }),
  ).toMatchObject({
    longContext: { aboveInputTokens: 272_000, inputPerMillionUsd: '20', outputPerMillionUsd: '75' },
    tiers: {
      priority: { inputPerMillionUsd: '20', outputPerMillionUsd: '100', longContext: { inputPerMillionUsd: '40' } },
      batch: { inputPerMillionUsd: '5' },
    },
  });
});

it.each([
  ['audio by the second', 'audio_transcription', { input_cost_per_second: 0.0001 }, { perMinuteUsd: '0.006' }],
  [
    'pictures',
    'image_generation',
    { input_cost_per_image: 0.02, output_cost_per_image: 0.04 },
    { perImageUsd: '0.04' },
  ],
  [
    'embeddings',
    'embedding',
    { input_cost_per_token: 1.3e-7 },
    { inputPerMillionUsd: '0.13', outputPerMillionUsd: '0' },
  ],
  [
    'transcriptions that are billed by what is heard',
    'audio_transcription',
    { input_cost_per_token: 2e-6, input_cost_per_audio_token: 6e-6 },
    { audioInputPerMillionUsd: '6', outputPerMillionUsd: '0' },
  ],
  [
    'pictures by the piece and their prompts by the token',
    'image_generation',
    { input_cost_per_token: 5e-6, input_cost_per_image: 0.04 },
    { inputPerMillionUsd: '5', outputPerMillionUsd: '0', perImageUsd: '0.04' },
  ],
  [
    'pictures by the token, and what else is written at the same price',
    'image_generation',
    { input_cost_per_token: 5e-6, output_cost_per_image_token: 4e-5 },
    { inputPerMillionUsd: '5', outputPerMillionUsd: '40', imageOutputPerMillionUsd: '40' },
  ],
  [
    'reasoning at its own price',
    'chat',
    { input_cost_per_token: 1e-6, output_cost_per_token: 3e-6, output_cost_per_reasoning_token: 4e-6 },
    { outputPerMillionUsd: '4' },
  ],
])('takes %s', (_what, mode, figures, price) => {
  expect(one(figures, mode)).toMatchObject(price);
});

it('names models as their provider here does', () => {
  const row = { mode: 'chat', input_cost_per_token: 1e-6, output_cost_per_token: 1e-6 };
  const table = {
    'gpt-x': { ...row, litellm_provider: 'openai' },
    'groq/llama': { ...row, litellm_provider: 'groq' },
    'groq/org/llama': { ...row, litellm_provider: 'groq' },
  };
  const models = read(table, { openai: 'my-openai', groq: 'groq' }).taken.map(({ model }) => model);
  expect(models).toEqual(['my-openai/gpt-x', 'groq/llama', 'groq/org/llama']);
});

it.each([
  ['not a row', 'text'],
  ['not a row', null],
  ['of a provider that was not asked for', { litellm_provider: 'azure', input_cost_per_token: 1e-6 }],
  ['of a provider that was not asked for', { litellm_provider: 'constructor', input_cost_per_token: 1e-6 }],
  ['of a provider that was not asked for', { litellm_provider: 7 }],
  ['a model for realtime', openai({ input_cost_per_token: 1e-6 }, 'realtime')],
  ['no price of output', openai({ input_cost_per_token: 1e-6 })],
  ['no price of output', openai({ input_cost_per_token: 1e-6 }, 'completion')],
  ['no price of output', openai({ input_cost_per_token: 1e-6 }, 'responses')],
  ['no price of output', openai({ input_cost_per_token: 1e-6 }, 'image_generation')],
  ['no price of output', openai({ input_cost_per_token: 1e-6, output_cost_per_image: 0 }, 'image_generation')],
  ['a price of zero, or none: set it by hand if it is free', openai({})],
  [
    'a price of zero, or none: set it by hand if it is free',
    openai({ input_cost_per_token: 0, output_cost_per_token: 0 }),
  ],
  ['a price that is not a number, or is negative', openai({ input_cost_per_token: -1, output_cost_per_token: 1 })],
  ['a price that is not a number', openai({ input_cost_per_token: {}, output_cost_per_token: 1 })],
  [
    'several prices for several lengths',
    openai({
      input_cost_per_token: 1e-6,
      output_cost_per_token: 1e-6,
      input_cost_per_token_above_128k_tokens: 2e-6,
      input_cost_per_token_above_200k_tokens: 3e-6,
    }),
  ],
  ['no price per token, minute or image that can be used', openai({ output_cost_per_token: 1e-6 })],
  [
    'no price per token, minute or image that can be used',
    openai({ input_cost_per_token: 1e9, output_cost_per_token: 1 }),
  ],
])('leaves out what is %s', (reason, row) => {
  expect(read({ m: row }).taken).toEqual([]);
  expect(why(row)).toEqual([reason]);
});

it('counts what it left out, and gives examples', () => {
  const rows = Object.fromEntries(Array.from({ length: 9 }, (_, index) => [`m${index}`, 'text']));
  expect(read(rows).skipped).toEqual([{ why: 'not a row', rows: 9, examples: ['m0', 'm1', 'm2', 'm3', 'm4'] }]);
  const row = openai({ input_cost_per_token: 1e-6, output_cost_per_token: 1e-6 });
  expect(read({ m: row, 'openai/m': row }).skipped).toMatchObject([{ why: 'another row is of the same model' }]);
});
