import { PurserError, ScheduleSpec, type ScheduleSpecInput } from '@purser/contracts';
import fc from 'fast-check';
import { newestFires, nextFires, requireTimes, timetableOf, type Timetable } from './timetable.js';

const ms = (text: string): number => Date.parse(text);
const texts = (times: number[]): string[] => times.map((one) => new Date(one).toISOString().replace('.000Z', 'Z'));
const cron = (pattern: string, timezone = 'UTC'): Timetable => ({ kind: 'cron', cron: pattern, timezone });
const spec = (given: Partial<ScheduleSpecInput>): ScheduleSpec =>
  ScheduleSpec.parse({ id: 's', task: { executor: 'command', input: {} }, ...given });

describe('fire times', () => {
  describe('when summer time begins in Berlin (2026-03-29, 02:00 becomes 03:00)', () => {
    it('makes up for a time of day that does not exist right after the leap', () => {
      const daily = nextFires(cron('30 2 * * *', 'Europe/Berlin'), ms('2026-03-27T12:00:00Z'), 3);
      expect(texts(daily)).toEqual(['2026-03-28T01:30:00Z', '2026-03-29T01:00:00Z', '2026-03-30T00:30:00Z']);
    });

    it('lets what runs every hour follow the clock on the wall', () => {
      const hourly = nextFires(cron('30 * * * *', 'Europe/Berlin'), ms('2026-03-29T00:00:00Z'), 3);
      expect(texts(hourly)).toEqual(['2026-03-29T00:30:00Z', '2026-03-29T01:30:00Z', '2026-03-29T02:30:00Z']);
    });

    it('keeps hours of the wall in "every 4 hours", so that three pass once', () => {
      const four = nextFires(cron('0 */4 * * *', 'Europe/Berlin'), ms('2026-03-28T20:00:00Z'), 3);
      expect(texts(four)).toEqual(['2026-03-28T23:00:00Z', '2026-03-29T02:00:00Z', '2026-03-29T06:00:00Z']);
    });
  });

  describe('when it ends (2026-10-25, 03:00 becomes 02:00)', () => {
    it('fires a time of day that occurs twice once, the first time', () => {
      const daily = nextFires(cron('30 2 * * *', 'Europe/Berlin'), ms('2026-10-24T12:00:00Z'), 2);
      expect(texts(daily)).toEqual(['2026-10-25T00:30:00Z', '2026-10-26T01:30:00Z']);
      // Also for who looks only between the two.
      const later = nextFires(cron('30 2 * * *', 'Europe/Berlin'), ms('2026-10-25T00:45:00Z'), 1);
      expect(texts(later)).toEqual(['2026-10-26T01:30:00Z']);
    });

    it('fires what runs every hour in both', () => {
      const hourly = nextFires(cron('30 * * * *', 'Europe/Berlin'), ms('2026-10-25T00:00:00Z'), 3);
      expect(texts(hourly)).toEqual(['2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z', '2026-10-25T02:30:00Z']);
    });
  });

  it('leaves an interval alone, whatever clocks on walls do', () => {
    const anchor = ms('2026-10-24T18:00:00Z');
    const every = timetableOf(spec({ everySeconds: 4 * 3600 }), anchor);
    expect(texts(nextFires(every, anchor, 3))).toEqual([
      '2026-10-24T22:00:00Z',
      '2026-10-25T02:00:00Z',
      '2026-10-25T06:00:00Z',
    ]);
    expect(nextFires(every, anchor - 1e9, 1)).toEqual([anchor + 4 * 3_600_000]);
  });

  it('comes once for `at`', () => {
    const once = timetableOf(spec({ at: '2026-12-24T18:00:00+01:00' }), 0);
    expect(texts(nextFires(once, ms('2026-12-24T16:59:59Z'), 5))).toEqual(['2026-12-24T17:00:00Z']);
    expect(nextFires(once, ms('2026-12-24T17:00:00Z'), 5)).toEqual([]);
  });

  it('finds backwards what it finds forwards', () => {
    const timetables = fc.oneof(
      fc
        .tuple(
          fc.constantFrom('30 2 * * *', '30 * * * *', '*/20 2 * * *', '15,45 1-3 * * *', '0 3 L * *', '*/17 * * * * *'),
          fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'UTC'),
        )
        .map(([pattern, zone]) => cron(pattern, zone)),
      fc.integer({ min: 15, max: 100_000 }).map((s): Timetable => ({ kind: 'every', ms: s * 1000, anchor: 123 })),
    );
    const starts = fc.constantFrom('2026-03-28T12:00:00Z', '2026-10-24T20:00:00Z', '2026-11-01T00:00:00Z').map(ms);
    fc.assert(
      fc.property(
        timetables,
        starts,
        fc.integer({ max: 2 * 3_600_000, min: 1 }),
        fc.nat(50),
        (timetable, start, length, limit) => {
          const forwards = nextFires(timetable, start, 600).filter((at) => at <= start + length);
          const { fires, older } = newestFires(timetable, start, start + length, limit + 1);
          expect(fires).toEqual(forwards.slice(-(limit + 1)));
          expect(older).toBe(Math.min(timetable.kind === 'cron' ? 1_000 : Infinity, forwards.length - fires.length));
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe('a timetable that cannot be', () => {
  const now = ms('2026-11-29T00:00:00Z');
  const problem = (given: Partial<ScheduleSpecInput>): unknown => {
    try {
      requireTimes(spec(given), now);
      return undefined;
    } catch (error) {
      return (error as PurserError).details.issues;
    }
  };

  it.each([
    [{ cron: '99 * * * *' }, 'cron', /"99 \* \* \* \*" is not valid: Invalid value for minute: 99; it is five fields/],
    [{ cron: 'every day' }, 'cron', /is not valid/],
    [{ cron: '0 0 * *' }, 'cron', /is not valid/],
    [{ cron: '0 0 30 2 *' }, 'cron', /names no time that ever comes/],
    [{ cron: '2026-12-01T00:00:00Z' }, 'cron', /is a date; give it as at/],
    [{ at: '2026-11-28T00:00:00Z' }, 'at', /has passed; it is 2026-11-29T00:00:00.000Z now/],
  ])('is refused with its field named: %j', (given, field, message) => {
    expect(problem(given)).toEqual([{ field, problem: expect.stringMatching(message) as string }]);
  });

  it.each([
    [{ cron: '@daily', timezone: 'Mars/Olympus' }, 'timezone', /IANA time zone/],
    [{}, 'cron', /give one of cron, everySeconds and at/],
    [{ cron: '@daily', everySeconds: 5 }, 'everySeconds', /only one of cron and everySeconds/],
    [{ everySeconds: 0 }, 'everySeconds', />=1/],
  ])('does not even parse: %j', (given, field, message) => {
    const parsed = ScheduleSpec.safeParse({ id: 's', task: { executor: 'command', input: {} }, ...given });
    expect(parsed.error?.issues).toEqual([
      expect.objectContaining({ path: [field], message: expect.stringMatching(message) as string }),
    ]);
  });

  it.each([{ cron: '30 2 * * 1-5' }, { cron: '*/10 * * * * *' }, { cron: '@hourly' }, { everySeconds: 1 }])(
    'is taken: %j',
    (given) => expect(problem(given)).toBeUndefined(),
  );
});
