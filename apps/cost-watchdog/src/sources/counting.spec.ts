import { parseUsd, sumNano } from '@purser/money';
import fc from 'fast-check';
import { attemptsOf, counted, type Counting, type KnownRow, plan } from './counting.js';
import { periodToRead } from './period.js';
import { type BooksRow, roundedNano } from './reading.js';
import { conditionOf, retryAfterMs } from './schedule.js';

const DAY = 86_400_000;

const rowOf = (day: number, service: string, amount: bigint): BooksRow => {
  const from = new Date(Date.UTC(2026, 10, day));
  const id = `${day} ${service}`;
  return {
    ...{ id, from, to: new Date(from.getTime() + DAY), service, model: null, project: null, amount },
    finality: 'estimate',
  };
};

const reading = fc.record({
  rows: fc.uniqueArray(
    fc.record({
      day: fc.integer({ min: 1, max: 4 }),
      service: fc.constantFrom('a', 'own', 'elsewhere'),
      nano: fc.bigInt({ min: -50n, max: 200n }),
    }),
    { selector: ({ day, service }) => `${day} ${service}`, maxLength: 8 },
  ),
  meteredFrom: fc.option(fc.integer({ min: 1, max: 4 })),
  own: fc.array(fc.bigInt({ min: 0n, max: 80n }), { minLength: 4, maxLength: 4 }),
  corrected: fc.bigInt({ min: -50n, max: 50n }),
});

it('leaves the ledger at what the last reading says, however often rows come, change and go, and whatever people corrected before', () => {
  fc.assert(
    fc.property(fc.array(reading, { minLength: 1, maxLength: 8 }), (readings) => {
      const known = new Map<string, KnownRow>();
      const ids = new Set<string>();
      let ledger = 0n;
      const corrections = new Map<string, bigint>();
      /** Of these, what no reading has had another word on since. */
      const standing = new Map<string, bigint>();
      for (const { rows, meteredFrom, own, corrected } of readings) {
        const counting: Counting = {
          source: 's',
          provider: 'p',
          books: 'auto',
          meteredServices: ['elsewhere'],
          meteredSince: meteredFrom === null ? null : new Date(Date.UTC(2026, 10, meteredFrom, 15)),
          own: { inBooksAs: 'own', byDay: new Map(own.map((nano, index) => [`2026-11-0${index + 1}`, nano])) },
          observedAt: new Date('2026-11-05T00:00:00Z'),
          newsAt: null,
        };
        const told = rows.map(({ day, service, nano }) => rowOf(day, service, nano));
        for (const change of plan([...known.values()], told, counting).changes) {
          const { row, entry } = counted(change, corrections.get(change.row.id) ?? 0n, counting);
          known.set(row.id, { ...row, changedAt: counting.observedAt });
          if (change.difference !== 0n) standing.delete(row.id);
          if (!entry) continue;
          expect(ids.has(entry.attemptId)).toBe(false);
          expect(attemptsOf(row, 's')).toContain(entry.attemptId);
          ids.add(entry.attemptId);
          ledger += parseUsd(entry.amountUsd);
        }
        const expected = rows
          .filter(({ day, service }) => service !== 'elsewhere' && (meteredFrom === null || day < meteredFrom))
          .map(({ day, service, nano }) => {
            const ours = own[day - 1] ?? 0n;
            if (service !== 'own' || nano <= 0n) return nano;
            return nano > ours ? nano - ours : 0n;
          });
        expect(ledger).toBe(sumNano(expected) + sumNano([...standing.values()]));
        expect(plan([...known.values()], told, counting).changes).toEqual([]);
        const [one] = [...known.values()].filter(({ revision }) => revision > 0);
        if (!one) continue;
        for (const noted of [corrections, standing]) noted.set(one.id, (noted.get(one.id) ?? 0n) + corrected);
        ledger += corrected;
      }
    }),
  );
});

it.each([
  ['1.2345678905', 1_234_567_891n],
  ['1.2345678904', 1_234_567_890n],
  ['-0.0000000005', -1n],
  ['0.00000000049', 0n],
  ['12', 12_000_000_000n],
])('rounds %s to the nearest nano-dollar', (text, nano) => {
  expect(roundedNano(text)).toBe(nano);
});

it('reads the days that change fast, and once a day all that is open', () => {
  const span = (now: string, whole: string | null) => {
    const period = periodToRead(new Date(now), whole === null ? null : new Date(whole));
    return [period.from, period.to].map((at) => at.toISOString().slice(0, 10)).join(' ');
  };
  expect(span('2026-11-20T10:00:00Z', null)).toBe('2026-11-01 2026-11-21');
  expect(span('2026-11-20T10:00:00Z', '2026-11-20T00:00:00Z')).toBe('2026-11-18 2026-11-21');
  expect(span('2026-11-20T10:00:00Z', '2026-11-19T23:59:59Z')).toBe('2026-11-01 2026-11-21');
  expect(span('2027-01-07T23:59:59Z', null)).toBe('2026-12-01 2027-01-08');
  expect(span('2027-01-08T00:00:00Z', null)).toBe('2027-01-01 2027-01-09');
});

it('asks again later with each failure, but no later than usual', () => {
  const every = (everySeconds: number) => ({ everySeconds, staleAfterSeconds: everySeconds * 10 });
  expect([1, 2, 3, 99].map((failures) => retryAfterMs(every(21_600), failures) / 60_000)).toEqual([22.5, 45, 90, 360]);
  expect([1, 2, 9].map((failures) => retryAfterMs(every(10), failures) / 1_000)).toEqual([60, 60, 60]);
});

it('is stale by its news, not by its answers', () => {
  const at = (hours: number) => new Date(hours * 3_600_000);
  const standing = { since: at(0), readAt: at(9), newsAt: at(5), failures: 0 };
  const schedule = { everySeconds: 60, staleAfterSeconds: 5 * 3_600 };
  expect(conditionOf(standing, schedule, at(10))).toBe('ok');
  expect(conditionOf(standing, schedule, at(10.01))).toBe('stale');
  expect(conditionOf({ ...standing, newsAt: null }, schedule, at(5.01))).toBe('stale');
  expect(conditionOf({ ...standing, failures: 1 }, schedule, at(10))).toBe('failing');
  expect(conditionOf({ ...standing, readAt: null, newsAt: null }, schedule, at(1))).toBe('waiting');
});
