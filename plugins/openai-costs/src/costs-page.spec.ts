import { modelOf } from './costs-page.js';

it.each([
  ['gpt-5-mini-2025-08-07, input', 'gpt-5-mini-2025-08-07'],
  ['ft:gpt-4.1:org::id, output', 'ft:gpt-4.1:org::id'],
  ['web search tool calls | gpt-5', undefined],
  ['Text tokens', undefined],
  ['', undefined],
])('knows the model of "%s": %s', (lineItem, model) => {
  expect(modelOf(lineItem)).toBe(model);
});
