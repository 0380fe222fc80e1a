import type { TaskLimits } from '@purser/contracts';
import { SessionMeter } from './session-meter.js';

let seconds = 0;
const open = (limits: TaskLimits, epoch = 1) => {
  seconds = 0;
  return new SessionMeter({ limits, complexity: 'standard', epoch }, () => seconds);
};
const unit = (meter: SessionMeter, done: number, used: { tokens?: number; at?: number }, total?: number) => {
  seconds = used.at ?? seconds;
  if (used.tokens !== undefined) meter.usage = { ...meter.usage, tokens: used.tokens };
  meter.progressed({ done, ...(total === undefined ? {} : { total }) });
  return meter.assess(true);
};

describe('the next unit', () => {
  it('is not begun when it would pass 0.95 of a limit', () => {
    const meter = open({ tokens: 1000 });
    expect(unit(meter, 1, { tokens: 200 }).level).toBe('healthy');
    expect(unit(meter, 2, { tokens: 400 }).level).toBe('healthy');
    expect(unit(meter, 4, { tokens: 800 })).toEqual({
      level: 'wrap',
      resource: 'tokens',
      reason: 'tokens 0.80 of its limit, and 1.00 after the next unit',
    });
    // In the middle of a unit nothing is said of the next one.
    expect(meter.assess(false).level).toBe('warning');
  });

  it('is taken to be as long as the latest, when these got longer', () => {
    const meter = open({ seconds: 100 });
    for (let done = 1; done <= 20; done += 1) unit(meter, done, { at: done });
    for (let done = 21; done <= 27; done += 1)
      expect(unit(meter, done, { at: 20 + (done - 20) * 9 }).level).toBeDefined();
    expect(unit(meter, 27, { at: 83 }).level).toBe('warning');
    expect(unit(meter, 28, { at: 88 })).toMatchObject({ level: 'wrap', resource: 'seconds' });
  });

  it('does not matter when there is none', () => {
    const meter = open({ tokens: 1000 });
    unit(meter, 1, { tokens: 400 }, 2);
    expect(unit(meter, 2, { tokens: 800 }, 2).level).toBe('warning');
  });
});

it('lets a session end its work beyond the threshold when all that is left fits', () => {
  const meter = open({ tokens: 1000 });
  for (let done = 1; done <= 43; done += 1) unit(meter, done, { tokens: done * 20 }, 46);
  expect(meter.assess(true)).toMatchObject({ level: 'warning', reason: 'tokens 0.86 of its limit' });
  meter.usage = { ...meter.usage, tokens: 951 };
  expect(meter.assess(false).level).toBe('wrap');
  const longer = open({ tokens: 1000 });
  for (let done = 1; done <= 42; done += 1) unit(longer, done, { tokens: done * 20 }, 100);
  expect(unit(longer, 43, { tokens: 860 }, 100).level).toBe('wrap');
});

it('does not trust units that took nothing when so much was used since', () => {
  const meter = open({ tokens: 1000 });
  unit(meter, 1, { tokens: 0 }, 8);
  unit(meter, 3, { tokens: 0 }, 8);
  meter.usage = { ...meter.usage, tokens: 860 };
  expect(meter.assess(false).level).toBe('wrap');
});

it('gives way to a fresh session when the growing context has cost as much as handing over', () => {
  const meter = open({ tokens: 1_000_000 });
  meter.overhead = { handoff: { tokens: 600 }, resume: { tokens: 400 } };
  const spent = (done: number) => done * 100 + (done * done * 10) / 2;
  let done = 1;
  while (unit(meter, done, { tokens: spent(done) }).level === 'healthy') done += 1;
  // By the rule about the square root of 2 x 1000 / 10, counted from the units that showed what a fresh one costs.
  expect(done).toBeGreaterThanOrEqual(14);
  expect(done).toBeLessThanOrEqual(18);
  expect(meter.assess(true).reason).toMatch(/^a fresh session is cheaper: \d+ tokens a unit, \d+ at first$/);
  const unmeasured = open({ tokens: 1_000_000 });
  for (let each = 1; each < 50; each += 1)
    expect(unit(unmeasured, each, { tokens: spent(each) }).level).toBe('healthy');
});

describe('the dollars of the task', () => {
  it('wrap up the session in which they come to an end, and not those after it', () => {
    const meter = open({});
    meter.spend({ limit: 2, left: 1 });
    expect(meter.assess(false).level).toBe('healthy');
    meter.spend({ limit: 2, left: 0.3 });
    expect(meter.assess(false)).toEqual({ level: 'wrap', resource: 'usd', reason: "usd 0.85 of the task's budget" });
    const next = open({}, 2);
    next.spend({ limit: 2, left: 0.3 });
    expect(next.assess(false).level).toBe('healthy');
  });
});

it('measures what the end and the beginning of a session cost', () => {
  const meter = open({ tokens: 1000 }, 2);
  unit(meter, 5, { tokens: 150, at: 10 });
  unit(meter, 6, { tokens: 250, at: 14 });
  expect(meter.measured()).toBeUndefined();
  meter.wraps();
  seconds = 17;
  meter.tick();
  meter.usage = { ...meter.usage, tokens: 330 };
  expect(meter.measured()).toEqual({ handoff: { tokens: 80, seconds: 3 }, resume: { tokens: 50, seconds: 6 } });
});
