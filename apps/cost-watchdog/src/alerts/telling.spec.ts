import fc from 'fast-check';
import { AlertsFile } from './alerts-file.js';
import { afterQuietHours, isQuiet } from './quiet-hours.js';
import { dueWhenFiring, dueWhenResolved, MOST_ATTEMPTS, verdictOn, waitBeforeAttempt } from './telling.js';

const file = AlertsFile.parse({ cooldownMinutes: 60, groupSeconds: 5 });
const now = new Date('2026-11-23T10:00:00Z');
const minutesAgo = (n: number) => new Date(now.getTime() - n * 60_000);
const raised = { now, fresh: true, lastFiredAt: null, silenced: false, lasts: true, urgent: false };

describe('the verdict on what was raised', () => {
  it.each([
    ['new', {}, { publish: true, tellAt: now }],
    ['new, below a higher level', { silenced: true }, { publish: true, tellAt: undefined }],
    ['open, within its cooldown', { fresh: false, lastFiredAt: minutesAgo(59) }, { publish: false, tellAt: undefined }],
    [
      'happened again, within its cooldown',
      { fresh: false, lastFiredAt: minutesAgo(59), lasts: false },
      { publish: true, tellAt: undefined },
    ],
    ['open, after its cooldown', { fresh: false, lastFiredAt: minutesAgo(60) }, { publish: true, tellAt: now }],
    [
      'open below a higher level, after its cooldown',
      { fresh: false, lastFiredAt: minutesAgo(60), silenced: true },
      { publish: false, tellAt: undefined },
    ],
    [
      'over and back, within its cooldown',
      { lastFiredAt: minutesAgo(20) },
      { publish: true, tellAt: new Date('2026-11-23T10:40:00Z') },
    ],
    ['over and back, after its cooldown', { lastFiredAt: minutesAgo(300) }, { publish: true, tellAt: now }],
    ['urgent', { fresh: false, lastFiredAt: minutesAgo(1), urgent: true }, { publish: true, tellAt: now }],
  ])('%s', (_, more, verdict) => {
    expect(verdictOn({ ...raised, ...more }, file)).toEqual(verdict);
  });
});

describe('when it is due', () => {
  const quiet = AlertsFile.parse({ groupSeconds: 5, quietHours: { from: '09:00', to: '12:00' } });
  const at = (time: string) => new Date(`2026-11-23T${time}Z`);
  const always = { single: at('10:00:00'), grouped: at('10:00:05') };

  it('waits for company, and for the end of quiet hours', () => {
    expect(dueWhenFiring(now, 'warning', file)).toEqual({ quiet: always, always });
    expect(dueWhenFiring(now, 'warning', quiet)).toEqual({
      quiet: { single: at('12:00:00'), grouped: at('12:00:05') },
      always,
    });
  });

  it('waits for neither when it is critical', () => {
    const atOnce = { single: now, grouped: now };
    expect(dueWhenFiring(now, 'critical', quiet)).toEqual({ quiet: atOnce, always: atOnce });
  });

  it('closes incidents at once, and says that something is over later', () => {
    expect(dueWhenResolved(now, quiet)).toEqual({
      quiet: { single: at('10:00:00'), grouped: at('12:00:05') },
      always,
    });
  });
});

describe('quiet hours', () => {
  const night = { from: '22:00', to: '07:00' };
  const after = (hours: typeof night, zone: string, at: string) =>
    afterQuietHours(hours, zone, new Date(at)).toISOString();

  it.each([
    ['before them', night, 'UTC', '2026-11-23T21:59:59Z', '2026-11-23T21:59:59.000Z'],
    ['in them', night, 'UTC', '2026-11-23T22:00:00Z', '2026-11-24T07:00:00.000Z'],
    ['after midnight', night, 'UTC', '2026-11-24T03:12:34Z', '2026-11-24T07:00:00.000Z'],
    ['at their end', night, 'UTC', '2026-11-24T07:00:00Z', '2026-11-24T07:00:00.000Z'],
    ['elsewhere', night, 'Asia/Kathmandu', '2026-11-23T20:00:00Z', '2026-11-24T01:15:00.000Z'],
    ['within a day', { from: '12:00', to: '13:00' }, 'UTC', '2026-11-23T12:30:00Z', '2026-11-23T13:00:00.000Z'],
    ['of no length', { from: '12:00', to: '12:00' }, 'UTC', '2026-11-23T12:00:00Z', '2026-11-23T12:00:00.000Z'],
    // Clocks go from 02:00 to 03:00 on the 29th: 02:30 does not come.
    [
      'that end in a gap',
      { from: '22:00', to: '02:30' },
      'Europe/Berlin',
      '2026-03-28T23:00:00Z',
      '2026-03-29T01:00:00.000Z',
    ],
    // They go from 03:00 to 02:00 on the 25th: 02:30 comes twice, and it is loud between.
    [
      'that end twice',
      { from: '22:00', to: '02:30' },
      'Europe/Berlin',
      '2026-10-24T22:00:00Z',
      '2026-10-25T00:30:00.000Z',
    ],
    [
      'in the hour that comes twice',
      { from: '22:00', to: '02:30' },
      'Europe/Berlin',
      '2026-10-25T01:10:00Z',
      '2026-10-25T01:30:00.000Z',
    ],
  ])('%s', (_, hours, zone, at, expected) => {
    expect(after(hours, zone, at)).toBe(expected);
  });

  it('end, everywhere, at the first moment that is not quiet', () => {
    const time = fc
      .tuple(fc.nat(23), fc.nat(59))
      .map((parts) => parts.map((part) => String(part).padStart(2, '0')).join(':'));
    fc.assert(
      fc.property(
        time,
        time,
        fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'America/St_Johns'),
        fc.date({ min: new Date('2024-01-01'), max: new Date('2028-01-01'), noInvalidDate: true }),
        (from, to, zone, at) => {
          const hours = { from, to };
          const end = afterQuietHours(hours, zone, at);
          expect(isQuiet(hours, zone, end)).toBe(false);
          if (end > at) expect(isQuiet(hours, zone, new Date(end.getTime() - 1))).toBe(true);
          else expect(end).toEqual(at);
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('the pause before the next attempt', () => {
  it('doubles up to an hour, and is never the same for all', () => {
    expect([1, 2, 3, 10, 11, MOST_ATTEMPTS].map((attempt) => waitBeforeAttempt(attempt, 1) / 1_000)).toEqual([
      5, 10, 20, 2_560, 3_600, 3_600,
    ]);
    expect(waitBeforeAttempt(3, 0)).toBe(10_000);
  });
});
