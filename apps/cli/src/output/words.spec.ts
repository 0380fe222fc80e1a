import { count, period, scope, span, usd } from './words.js';

describe('words for people', () => {
  it.each([
    ['1.5', '$1.50'],
    ['0.000150', '$0.00015'],
    ['12', '$12.00'],
    ['-0.250000000', '-$0.25'],
  ])('writes %s dollars as %s', (amount, shown) => {
    expect(usd(amount)).toBe(shown);
  });

  it('does not invent an amount that is not known', () => {
    expect(usd(null)).toBe('?');
  });

  it.each([
    [900, '1s'],
    [61_000, '1m'],
    [3 * 3_600_000, '3h'],
    [50 * 3_600_000, '2d'],
    [-5, '0s'],
  ])('writes %d ms as %s', (ms, shown) => {
    expect(span(ms)).toBe(shown);
  });

  it('names periods, scopes and counts', () => {
    expect([period('month'), period({ hours: 24 })]).toEqual(['month', '24 h']);
    expect([scope({}), scope({ provider: 'openai', project: 'web' })]).toEqual([
      'everything',
      'provider openai, project web',
    ]);
    expect([count(1, 'task'), count(0, 'task')]).toEqual(['1 task', '0 tasks']);
  });
});
