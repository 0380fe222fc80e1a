import { abilitiesOf, reasoning } from './reasoning.js';

const call = { outputLimit: 10_000, toolForced: false, afterTools: false };
const can = (supported: boolean) => ({ supported });
const listed = (efforts: string[], thinking: string[]) =>
  abilitiesOf({
    capabilities: {
      effort: Object.fromEntries(
        ['low', 'medium', 'high', 'xhigh', 'max'].map((one) => [one, can(efforts.includes(one))]),
      ),
      thinking: {
        supported: thinking.length > 0,
        types: Object.fromEntries(['adaptive', 'enabled', 'disabled'].map((one) => [one, can(thinking.includes(one))])),
      },
    } as never,
  });

const haiku45 = listed([], ['enabled', 'disabled']);
const opus46 = listed(['low', 'medium', 'high', 'max'], ['adaptive', 'enabled', 'disabled']);
const mythos = listed(['low', 'medium', 'high', 'xhigh', 'max'], ['adaptive']);
const never = listed([], []);

it.each([
  [undefined, undefined, {}],
  [null, undefined, {}],
  ['high', undefined, { effort: 'high', thinking: { type: 'adaptive', display: 'summarized' } }],
  ['minimal', undefined, { effort: 'low', thinking: { type: 'adaptive', display: 'summarized' } }],
  ['none', undefined, { thinking: { type: 'disabled' } }],
  ['none', mythos, { effort: 'low' }],
  ['none', never, {}],
  ['xhigh', opus46, { effort: 'high', thinking: { type: 'adaptive', display: 'summarized' } }],
  ['max', mythos, { effort: 'max', thinking: { type: 'adaptive', display: 'summarized' } }],
  ['medium', haiku45, { thinking: { type: 'enabled', budget_tokens: 5000 } }],
  ['high', never, {}],
])('%s for %j is %j', (effort, able, expected) => {
  expect(reasoning(effort, call, able)).toEqual(expected);
});

it('keeps a budget within what Anthropic takes, or does not think', () => {
  expect(reasoning('low', { ...call, outputLimit: 2000 }, haiku45)).toEqual({
    thinking: { type: 'enabled', budget_tokens: 1024 },
  });
  expect(reasoning('high', { ...call, outputLimit: 1024 }, haiku45)).toEqual({});
});

it('does not think where Anthropic refuses it', () => {
  expect(reasoning('high', { ...call, toolForced: true })).toEqual({ effort: 'high' });
  expect(reasoning('high', { ...call, afterTools: true }, haiku45)).toEqual({});
  expect(reasoning('high', { ...call, afterTools: true }, opus46)).toMatchObject({ thinking: { type: 'adaptive' } });
});

it('refuses an effort that nobody knows', () => {
  expect(() => reasoning('utmost', call)).toThrow('no reasoning_effort "utmost"');
});

it('knows nothing of a model whose capabilities are not told', () => {
  expect(abilitiesOf({ capabilities: null })).toBeUndefined();
  expect(abilitiesOf({ capabilities: {} as never })).toBeUndefined();
});
