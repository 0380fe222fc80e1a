import { dollarsOfCents } from './cost-report.js';

// The first two are the examples of Anthropic's own documentation.
it.each([
  ['123.45', '1.2345'],
  ['41280.000000', '412.8'],
  ['1', '0.01'],
  ['-250', '-2.5'],
  ['0.000000015', '0.00000000015'],
  ['1.5e3', '15'],
  ['0', '0'],
])('%s cents are %s dollars', (cents, dollars) => {
  expect(dollarsOfCents(cents)).toBe(dollars);
});

it('takes nothing else for an amount', () => {
  expect(() => dollarsOfCents('$1.23')).toThrow('is not an amount');
});
