import assert from 'node:assert/strict';
import { type CostReading, type CostSource, plainDecimal } from '../cost-source.js';
import { type ConformanceCheck, within } from './check.js';
import type { Books, BooksRow, CostSourceSubject } from './cost-source-subject.js';

const PERIOD = { from: new Date('2026-11-01T00:00:00Z'), to: new Date('2026-11-08T00:00:00Z') };
const never = (): AbortSignal => new AbortController().signal;

const ROWS: readonly BooksRow[] = [
  { day: '2026-11-02', service: 'compute', amountUsd: '12.34' },
  { day: '2026-11-02', service: 'storage', amountUsd: '0.5' },
  { day: '2026-11-03', service: 'compute', amountUsd: '7' },
];

const read = (source: CostSource, period = PERIOD): Promise<CostReading> =>
  within(10_000, 'read()', source.read(period, { signal: never() }));

async function failure(source: CostSource): Promise<Error & { ownCostUsd?: unknown }> {
  const reading = await read(source).catch((error: unknown) => error);
  assert.ok(reading instanceof Error, 'rejects with an Error, where too few rows would count as nothing spent');
  return reading;
}

const plain = (rows: readonly BooksRow[]): string[] =>
  rows.map(({ day, service, amountUsd }) => `${day} ${service} ${plainDecimal(amountUsd)}`).sort();

/**
 * Every rule that Purser relies on in a `costSource`. Run each with your test runner against fake books that speak the
 * vendor's own protocol.
 */
export function costSourceChecks(subject: CostSourceSubject): ConformanceCheck[] {
  const { requestUsd = '0', rowsOfSeveralPages = 3, secrets = [] } = subject;
  const asTold = (rows: readonly BooksRow[]) =>
    plain(rows.map((row) => ({ ...row, service: subject.serviceOf?.(row.service) ?? row.service })));
  const told = ({ costs }: CostReading): string[] =>
    plain(costs.map(({ from, service, amountUsd }) => ({ day: from.toISOString().slice(0, 10), service, amountUsd })));
  const paid = (usd: unknown): boolean => Number(usd) > 0 === Number(requestUsd) > 0;
  const conceals = (error: { message: string }) => {
    for (const secret of secrets) assert.ok(!error.message.includes(secret), 'the error does not tell a secret');
  };

  const check = (name: string, run: (source: CostSource, books: Books) => Promise<void>): ConformanceCheck => ({
    name,
    run: async () => {
      const opened = await subject.open();
      try {
        await run(opened.source, opened.books);
      } finally {
        await opened.close();
      }
    },
  });

  return [
    check('names its provider in one token, and says when to ask it', async ({ provider, schedule }) => {
      assert.match(provider, /^[A-Za-z0-9_-]{1,64}$/);
      assert.ok(schedule.everySeconds >= 1, 'everySeconds is at least 1');
      assert.ok(schedule.staleAfterSeconds >= schedule.everySeconds, 'books are not stale before they are asked again');
      return Promise.resolve();
    }),
    check('tells all rows of a period, each of its day, to the last decimal', async (source, books) => {
      await books.write(ROWS);
      const reading = await read(source);
      assert.deepEqual(told(reading), asTold(ROWS));
      for (const { from, to, amountUsd } of reading.costs) {
        assert.ok(from.getTime() < to.getTime(), 'a row begins before it ends');
        assert.equal(plainDecimal(amountUsd), amountUsd.replace(/\.0+$|(\.\d*?)0+$/, '$1'), 'a decimal, no exponent');
      }
      assert.ok(paid(reading.ownCostUsd), `its own cost is told: ${reading.ownCostUsd}`);
    }),
    check('tells each row under an id of its own, the same when its amount was revised', async (source, books) => {
      await books.write(ROWS);
      const before = (await read(source)).costs.map(({ id }) => id).sort();
      assert.equal(new Set(before).size, before.length, 'ids are told once');
      await books.write(ROWS.map((row) => ({ ...row, amountUsd: plainDecimal(Number(row.amountUsd) + 1) })));
      assert.deepEqual((await read(source)).costs.map(({ id }) => id).sort(), before);
    }),
    check('leaves out what lies outside the period, whose end is not in it', async (source, books) => {
      const outside = ['2026-10-31', '2026-11-08'].map((day) => ({ day, service: 'compute', amountUsd: '9' }));
      await books.write([...ROWS, ...outside]);
      assert.deepEqual(told(await read(source)), asTold(ROWS));
    }),
    check('reads over all pages', async (source, books) => {
      const rows = Array.from({ length: rowsOfSeveralPages }, (_, index) => ({
        day: '2026-11-04',
        service: `service-${index}`,
        amountUsd: `${index + 1}.25`,
      }));
      await books.write(rows);
      assert.deepEqual(told(await read(source)), asTold(rows));
    }),
    check('takes books without rows for what they are', async (source, books) => {
      await books.write([]);
      assert.deepEqual((await read(source)).costs, []);
    }),
    check('tells credits as negative amounts', async (source, books) => {
      const rows = [...ROWS, { day: '2026-11-05', service: 'compute', amountUsd: '-3.25' }];
      await books.write(rows);
      assert.deepEqual(told(await read(source)), asTold(rows));
    }),
    check('refuses another currency by its name, and never takes it for dollars', async (source, books) => {
      if (!books.inCurrency) return;
      await books.write(ROWS);
      await books.inCurrency('EUR');
      assert.match((await failure(source)).message, /EUR/);
    }),
    check('says what is wrong when it is refused, without its secrets', async (source, books) => {
      await books.write(ROWS);
      await books.refuse();
      const error = await failure(source);
      assert.ok(error.message.length > 30, `says what is wrong and how to mend it: "${error.message}"`);
      conceals(error);
      await books.write(ROWS);
      assert.deepEqual(told(await read(source)), asTold(ROWS), 'works again afterwards');
    }),
    check('tells all rows or none when it is told to slow down', async (source, books) => {
      if (!books.throttleOnce) return;
      await books.write(ROWS);
      await books.throttleOnce();
      const reading = await read(source).catch((error: unknown) => error as Error);
      if (reading instanceof Error) conceals(reading);
      else assert.deepEqual(told(reading), asTold(ROWS));
    }),
    check('tells no rows, but what it has cost, when it fails half way', async (source, books) => {
      if (!books.breakAfterFirstPage) return;
      const rows = Array.from({ length: rowsOfSeveralPages }, (_, index) => ({
        day: '2026-11-04',
        service: `service-${index}`,
        amountUsd: '1',
      }));
      await books.write(rows);
      await books.breakAfterFirstPage();
      const error = await failure(source);
      if (Number(requestUsd) === 0) return;
      assert.equal(error.name, 'CostReadingFailed');
      assert.ok(Number(error.ownCostUsd) >= Number(requestUsd), `a page at ${requestUsd}: ${String(error.ownCostUsd)}`);
    }),
    check('gives up as soon as it is told to', async (source, books) => {
      if (!books.hang) return;
      await books.write(ROWS);
      await books.hang();
      const stop = new AbortController();
      const reading = source.read(PERIOD, { signal: stop.signal });
      reading.catch(() => undefined);
      stop.abort(new Error('the service stops'));
      await assert.rejects(within(5_000, 'giving up', reading), (error: Error) => !/took longer/.test(error.message));
    }),
  ];
}
