import { costsHistory, ledgerQuery, OPERATIONS, tasksList } from '@purser/contracts';
import { csvColumns, toCsv, wantsCsv } from './csv.js';

it('has a column for each field of the list, whether there is a row or not', () => {
  expect(csvColumns(costsHistory)).toEqual(['at', 'provider', 'amountUsd', 'inputTokens', 'outputTokens', 'requests']);
  expect(csvColumns(ledgerQuery)).toEqual(
    expect.arrayContaining(['seq', 'amountUsd', 'usageAt', 'corrects', 'reason']),
  );
  expect(csvColumns(tasksList)).toBeUndefined();
  expect(toCsv(['a', 'b'], [])).toBe('a,b\r\n');
});

it('can be made of every operation that says so', () => {
  const columns = OPERATIONS.filter(({ http }) => http?.csv).map(csvColumns);
  expect(columns.length).toBeGreaterThan(1);
  for (const one of columns) expect(one?.length).toBeGreaterThan(1);
});

it('quotes what would break a line, and gives a spreadsheet no formula', () => {
  const rows = [
    { a: 'say "no", or\nyes', b: null },
    { a: '=HYPERLINK("http://x")', b: -1.5 },
    { a: '-1.50', b: '-cmd' },
    { a: { x: 1 }, b: undefined },
  ];
  expect(toCsv(['a', 'b'], rows)).toBe(
    'a,b\r\n"say ""no"", or\nyes",\r\n"\'=HYPERLINK(""http://x"")",-1.5\r\n-1.50,\'-cmd\r\n"{""x"":1}",\r\n',
  );
});

it.each([
  ['text/csv', true],
  ['text/csv; charset=utf-8, */*', true],
  ['text/html, text/csv, application/json', true],
  ['application/json, text/csv', false],
  ['*/*', false],
  [undefined, false],
])('takes "%s" for CSV: %s', (accept, wanted) => {
  expect(wantsCsv(accept)).toBe(wanted);
});
