import { z } from 'zod';
import { parseExactJson, readBooks } from './exact-json.js';

it('keeps the digits of the numbers that are named, and no others', () => {
  const text = `{"rows": [{"amount": 0.1234567890123456789, "count": 2}, {"amount": "12.50"},
    {"amount": 1e-7}, {"amount": null}, {"amount": {"amount": -0}}]}`;
  expect(parseExactJson(text, ['amount'])).toEqual({
    rows: [
      { amount: '0.1234567890123456789', count: 2 },
      { amount: '12.50' },
      { amount: '1e-7' },
      { amount: null },
      { amount: { amount: '-0' } },
    ],
  });
});

it('says what is wrong with an answer', () => {
  const read = (text: string) =>
    readBooks(z.object({ amount: z.string() }), text, { amounts: ['amount'], books: 'They' });
  expect(read('{"amount": 1.50}')).toEqual({ amount: '1.50' });
  expect(() => read('<html>')).toThrow('They answered with something else than JSON; is baseUrl right?');
  expect(() => read('{"amount": true}')).toThrow(/^They answered in a form that is not known: .*\n.*at amount/);
});
