import { ScheduleSpec, type ScheduleSpecInput } from '@purser/contracts';
import fc from 'fast-check';
import { decideOverlap, jitterMs, planFires, taskIdOf } from './fire-plan.js';

const HOUR = 3_600_000;
const START = Date.parse('2026-11-29T00:00:00Z');
const spec = (given: Partial<ScheduleSpecInput>): ScheduleSpec =>
  ScheduleSpec.parse({ id: 's', task: { executor: 'command', input: {} }, everySeconds: 4 * 3600, ...given });

/** A schedule over a life of looks at the clock, with the rows that keep a time from being fired twice. */
class Life {
  readonly fired: number[] = [];
  missed = 0;
  private readonly rows = new Set<number>();

  constructor(
    private readonly spec: ScheduleSpec,
    private cursor = START,
  ) {}

  lookAt(now: number): this {
    for (;;) {
      const plan = planFires({ spec: this.spec, anchor: START, cursor: this.cursor }, now);
      this.cursor = plan.cursor;
      this.missed += plan.missed;
      if (plan.fire !== null && !this.rows.has(plan.fire)) {
        this.rows.add(plan.fire);
        this.fired.push(plan.fire);
      }
      if (plan.next === null || plan.next > now) return this;
    }
  }

  get hours(): number[] {
    return this.fired.map((at) => (at - START) / HOUR);
  }
}

describe('what is fired', () => {
  it('is each time, when somebody looks in time', () => {
    const life = new Life(spec({}));
    for (let now = START; now <= START + 24 * HOUR; now += HOUR / 2) life.lookAt(now);
    expect(life.hours).toEqual([4, 8, 12, 16, 20, 24]);
    expect(life.missed).toBe(0);
  });

  describe('after the laptop slept from 5:00 to 21:00', () => {
    const sleep = (given: Partial<ScheduleSpecInput>) => {
      const life = new Life(spec(given));
      for (const hour of [1, 4, 5, 21, 24]) life.lookAt(START + hour * HOUR);
      return { hours: life.hours, missed: life.missed };
    };

    it('is the last time alone, as it is by default', () => {
      expect(sleep({})).toEqual({ hours: [4, 20, 24], missed: 3 });
    });
    it('is nothing that was missed, with none', () => {
      expect(sleep({ catchUp: 'none' })).toEqual({ hours: [4, 24], missed: 4 });
    });
    it('is everything, with all', () => {
      expect(sleep({ catchUp: 'all' })).toEqual({ hours: [4, 8, 12, 16, 20, 24], missed: 0 });
    });
    it('is the newest so many, with all up to a limit', () => {
      expect(sleep({ catchUp: 'all', catchUpLimit: 2 })).toEqual({ hours: [4, 16, 20, 24], missed: 2 });
    });
  });

  it('with none, is also what is late by less than the grace', () => {
    const late = (seconds: number) =>
      new Life(spec({ catchUp: 'none', graceSeconds: 90 })).lookAt(START + 4 * HOUR + seconds * 1000).hours;
    expect(late(90)).toEqual([4]);
    expect(late(91)).toEqual([]);
  });

  it('is a one-shot that was slept through, unless nothing is caught up', () => {
    const once = { everySeconds: undefined, at: new Date(START + HOUR).toISOString() };
    expect(new Life(spec(once)).lookAt(START + 50 * HOUR).hours).toEqual([1]);
    expect(new Life(spec({ ...once, catchUp: 'none' })).lookAt(START + 50 * HOUR)).toMatchObject({
      fired: [],
      missed: 1,
    });
  });

  it('is bounded after a year of sleep, however dense the timetable', () => {
    const dense = spec({ everySeconds: undefined, cron: '* * * * * *', catchUp: 'all', catchUpLimit: 3 });
    const life = new Life(dense).lookAt(START + 365 * 24 * HOUR);
    expect(life.fired).toHaveLength(3);
    expect(life.missed).toBeGreaterThanOrEqual(1_000);
  });

  it('goes on by the clock after a leap forward that was taken back, and fires nothing twice', () => {
    const life = new Life(spec({}));
    life.lookAt(START + 5 * HOUR).lookAt(START + 1000 * HOUR);
    for (let hour = 5; hour <= 16; hour++) life.lookAt(START + hour * HOUR);
    expect(life.hours).toEqual([4, 1000, 8, 12, 16]);
  });

  it('is each time once, with all, whatever the clock does', () => {
    const looks = fc.array(fc.integer({ min: -30, max: 90 }), { minLength: 1, maxLength: 60 });
    const timings = fc.constantFrom({ cron: '*/7 * * * *', everySeconds: undefined }, { everySeconds: 400 });
    fc.assert(
      fc.property(looks, timings, (minutes, timing) => {
        const life = new Life(spec({ ...timing, catchUp: 'all', catchUpLimit: 1_000 }));
        let now = START;
        for (const step of minutes) life.lookAt((now = Math.max(START, now + step * 60_000)));
        const furthest = minutes.reduce(
          ([at, most], step) => {
            const next = Math.max(START, at + step * 60_000);
            return [next, Math.max(most, next)] as const;
          },
          [START, START] as const,
        )[1];
        const expected: number[] = [];
        for (let plan = planFires({ spec: spec(timing), anchor: START, cursor: START }, START); ;) {
          if (plan.next === null || plan.next > furthest) break;
          expected.push(plan.next);
          plan = planFires({ spec: spec(timing), anchor: START, cursor: plan.next }, plan.next);
        }
        expect([...life.fired].sort((a, b) => a - b)).toEqual(expected);
      }),
    );
  });
});

describe('overlaps', () => {
  const running = { id: 's-1', state: 'running' as const };
  const waiting = { id: 's-2', state: 'blocked' as const };

  it('start at once when nothing is left of earlier fires', () => {
    for (const overlap of ['skip', 'queue', 'cancel'] as const)
      expect(decideOverlap({ overlap }, [])).toEqual({ kind: 'start' });
  });
  it('skip, wait for all of them, or take their place', () => {
    const earlier = [running, waiting];
    expect(decideOverlap({ overlap: 'skip' }, earlier)).toEqual({
      kind: 'skip',
      reason: '"s-1" of an earlier fire is still running',
    });
    expect(decideOverlap({ overlap: 'queue' }, earlier)).toEqual({ kind: 'queue', earlier: ['s-1', 's-2'] });
    expect(decideOverlap({ overlap: 'cancel' }, earlier)).toEqual({ kind: 'replace', earlier: ['s-1', 's-2'] });
  });
  it('bound their queue', () => {
    const many = Array.from({ length: 100 }, (_, index) => ({ ...waiting, id: `s-${index}` }));
    expect(decideOverlap({ overlap: 'queue' }, many)).toMatchObject({ kind: 'skip' });
  });
});

describe('what a fire is made of', () => {
  it('is an id that every orchestrator arrives at', () => {
    expect(taskIdOf('nightly', Date.parse('2026-11-29T01:30:00Z'))).toBe('nightly-20261129T013000Z');
    expect(taskIdOf('nightly', Date.parse('2026-11-29T01:30:00.005Z'))).toBe('nightly-20261129T013000005Z');
    expect(taskIdOf('x'.repeat(40), START + 5).length).toBeLessThanOrEqual(64);
  });

  it('is a jitter that is always the same, below its bound, and spread', () => {
    const jitters = Array.from({ length: 1_000 }, (_, index) => jitterMs('s', START + index * HOUR, 60));
    expect(jitters).toEqual(jitters.map((_, index) => jitterMs('s', START + index * HOUR, 60)));
    expect(Math.min(...jitters)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...jitters)).toBeLessThan(60_000);
    const mean = jitters.reduce((sum, one) => sum + one, 0) / jitters.length;
    expect(Math.abs(mean - 30_000)).toBeLessThan(3_000);
    expect(jitterMs('s', START, 0)).toBe(0);
    expect(jitterMs('other', START, 60)).not.toBe(jitters[0]);
  });
});
