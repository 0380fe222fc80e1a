import type { ListedPrice } from '@purser/contracts';
import { priceRow, providersAsked } from './price-row.js';

const known: ListedPrice = {
  model: 'openai/m',
  priceRow: 'prices.json:openai/m@2026-11-01',
  from: 'installed',
  setBy: null,
  setAt: null,
  reason: null,
  price: {
    inputPerMillionUsd: '1',
    cachedPerMillionUsd: '0.1',
    outputPerMillionUsd: '4',
    tiers: { flex: { inputPerMillionUsd: '0.5' } },
    maxOutputTokens: 8_000,
    source: 'https://example.com',
    date: '2026-11-01',
  },
};
const today = '2026-11-28';

describe('purser prices set', () => {
  it('changes what is given, keeps the rest of a row that is there, and says whose figures they are now', () => {
    expect(priceRow('openai/m', { output: '5', reasoning: true }, known, today)).toEqual({
      ...known.price,
      outputPerMillionUsd: '5',
      reasoning: true,
      source: 'set by hand',
      date: today,
    });
  });

  it('makes a new row', () => {
    const options = { perMinute: '0.006', maxOutput: 100, source: 'a contract', date: '2026-11-20' };
    expect(priceRow('a/b', options, undefined, today)).toEqual({
      perMinuteUsd: '0.006',
      maxOutputTokens: 100,
      source: 'a contract',
      date: '2026-11-20',
    });
  });

  it('takes a whole row in place of the one that is there', () => {
    const row = '{"inputPerMillionUsd": "2", "outputPerMillionUsd": "3", "source": "mail"}';
    expect(priceRow('openai/m', { row, cached: '0.2' }, known, today)).toEqual({
      inputPerMillionUsd: '2',
      outputPerMillionUsd: '3',
      cachedPerMillionUsd: '0.2',
      source: 'mail',
      date: today,
    });
  });

  it.each([
    [{}, /Say what it costs: purser prices set openai\/m --input/],
    [{ source: 'x' }, /Say what it costs/],
    [{ row: '{' }, /--row is not JSON/],
    [{ row: '[]' }, /--row must be a JSON object/],
  ])('says what is missing in %j', (options, message) => {
    expect(() => priceRow('openai/m', options, known, today)).toThrow(message);
  });
});

describe('purser prices import', () => {
  it('takes providers by one name or by two', () => {
    expect(providersAsked(['openai', 'azure=my-azure'])).toEqual({ openai: 'openai', azure: 'my-azure' });
    expect(() => providersAsked(undefined)).toThrow(/--provider openai/);
  });
});
