import { tokenizerOf } from './tokenizers.js';

it.each([
  ['gpt-4o-mini-2024-07-18', 'o200k_base'],
  ['gpt-5.1', 'o200k_base'],
  ['gpt-5', 'o200k_base'],
  ['gpt-4.1-nano', 'o200k_base'],
  ['o3', 'o200k_base'],
  ['ft:gpt-4o-mini:acme::abc', 'o200k_base'],
  ['gpt-4-turbo', 'cl100k_base'],
  ['gpt-4', 'cl100k_base'],
  ['gpt-3.5-turbo-0125', 'cl100k_base'],
  ['gpt-6', undefined],
  ['gpt-50', undefined],
  ['gpt-4x', undefined],
  ['o200', undefined],
  ['demo', undefined],
])('knows the tokenizer of %s: %s', (model, tokenizer) => {
  expect(tokenizerOf(model)).toBe(tokenizer);
});
