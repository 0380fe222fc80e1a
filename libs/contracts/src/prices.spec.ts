import { PriceFigures, PriceRow, pricesSet } from './prices.js';

const origin = { source: 'https://example.com/prices', date: '2026-11-28' };
const row = (figures: object) => PriceRow.safeParse({ ...figures, ...origin });
const problem = (figures: object): string =>
  row(figures)
    .error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    .join('; ') ?? '';

it('takes numbers as the decimals that a person typed', () => {
  const typed = { inputPerMillionUsd: 0.075, cachedPerMillionUsd: 1e-9, outputPerMillionUsd: 2, perImageUsd: '0.040' };
  expect(row(typed).data).toMatchObject({
    inputPerMillionUsd: '0.075',
    cachedPerMillionUsd: '0.000000001',
    outputPerMillionUsd: '2',
    perImageUsd: '0.040',
  });
});

it.each([
  [{ inputPerMillionUsd: -1, outputPerMillionUsd: 1 }, /^inputPerMillionUsd: dollars such as "0.25"/],
  [{ inputPerMillionUsd: 1e-10, outputPerMillionUsd: 1 }, /^inputPerMillionUsd: dollars such as/],
  [{ inputPerMillionUsd: '$1', outputPerMillionUsd: 1 }, /^inputPerMillionUsd: dollars such as/],
  [{ inputPerMillionUsd: 1 }, /belong together/],
  [{}, /a price per million tokens/],
  [{ perMinuteUsd: 1, perMinutUsd: 1 }, /Unrecognized key/],
  [{ perMinuteUsd: 1, date: 'yesterday' }, /^date: /],
  [{ perMinuteUsd: 1, source: '' }, /^source: /],
])('names what is wrong in %j', (figures, message) => {
  const parsed = PriceRow.safeParse({ ...origin, ...figures });
  expect(parsed.error?.issues.map(({ path, message: said }) => `${path.join('.')}: ${said}`).join('; ')).toMatch(
    message,
  );
});

it('takes prices by the minute or the image alone, and in models.json also none', () => {
  expect(problem({ perMinuteUsd: '0.006' })).toBe('');
  expect(problem({ perImageUsd: '0.04' })).toBe('');
  expect(PriceFigures.parse({})).toEqual({});
});

it.each([
  ['openai/gpt-5-mini', true],
  ['huggingface/Qwen/Qwen3-32B:groq', true],
  ['gpt-5-mini', false],
  ['/gpt', false],
  ['open ai/gpt', false],
  ['openai/', false],
])('takes %s as a model: %s', (model, fine) => {
  const price = { perMinuteUsd: 1, ...origin };
  expect(pricesSet.request.safeParse({ model, price }).success).toBe(fine);
});
