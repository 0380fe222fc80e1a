import { allows, globMatches } from './allowed.js';
import type { Caller } from './caller.js';

const key = (capabilities: string[] | null, models: string[] | null): Caller => ({
  key: 'k',
  project: null,
  task: null,
  session: null,
  rules: { capabilities, models, requestsPerMinute: null, tokensPerMinute: null },
});
const served = (capability: string | null, provider = 'openai', model = 'gpt-5-mini') => ({
  capability,
  provider,
  model,
});

describe('a pattern', () => {
  it.each([
    ['gpt-5', 'gpt-5', true],
    ['gpt-5', 'gpt-5-mini', false],
    ['gpt-*', 'gpt-5-mini', true],
    ['*-mini', 'gpt-5-mini', true],
    ['*-mini', 'gpt-5-mini-2', false],
    ['g*5*i', 'gpt-5-mini', true],
    ['g*5*5*i', 'gpt-5-mini', false],
    ['*', '', true],
    ['ab*ba', 'aba', false],
    ['a**b', 'ab', true],
    ['gpt.5', 'gpt-5', false],
  ])('%s on %s: %s', (glob, text, matches) => {
    expect(globMatches(glob, text)).toBe(matches);
  });
});

describe('a key', () => {
  it.each([
    ['without rules takes anything', key(null, null), served(null), true],
    ['for a capability gets it', key(['chat'], null), served('chat'), true],
    ['for a capability gets no other', key(['chat'], null), served('code'), false],
    ['for a capability gets no model by its name', key(['chat'], null), served(null), false],
    ['for a model gets it by its name', key(null, ['gpt-5-mini']), served(null), true],
    ['for a model gets it from a capability', key(null, ['openai/gpt-*']), served('chat'), true],
    ['for a provider’s models gets none of another', key(null, ['openai/*']), served('chat', 'ollama'), false],
    [
      'for models with slashes',
      key(null, ['huggingface/meta-llama/*']),
      served(null, 'huggingface', 'meta-llama/L'),
      true,
    ],
    ['for both gets a model by its name', key(['chat'], ['gpt-5-mini']), served(null), true],
    ['for both gets no other capability', key(['chat'], ['gpt-5-mini']), served('code'), false],
    ['for both gets no other model', key(['chat'], ['gpt-5']), served('chat'), false],
  ])('%s', (_what, caller, asked, allowed) => {
    expect(allows(caller, asked)).toBe(allowed);
  });

  it('that is the admin’s takes anything', () => {
    expect(allows({ key: 'admin', project: null, task: null, session: null }, served(null))).toBe(true);
  });
});
