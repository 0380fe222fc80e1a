import type { Tokenizer } from '@purser/plugin-sdk';

/**
 * Which tokenizer a model of OpenAI's has, as its own tiktoken maps names (`tiktoken/model.py`, prefixes). A model that is
 * not among these, such as one to come, has none here. Fine-tuned ones have that of their model.
 */
const TOKENIZERS: readonly (readonly [RegExp, Tokenizer])[] = [
  [/^(gpt-4o|chatgpt-4o|gpt-4\.1|gpt-4\.5|gpt-5|o1|o3|o4-mini)($|[-.])/, 'o200k_base'],
  [/^(gpt-4|gpt-3\.5-turbo)($|-)/, 'cl100k_base'],
];

export function tokenizerOf(model: string): Tokenizer | undefined {
  const name = model.replace(/^ft:/, '').replace(/:.*$/, '');
  return TOKENIZERS.find(([names]) => names.test(name))?.[1];
}
