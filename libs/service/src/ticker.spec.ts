import { Ticker, untilTick } from './ticker.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

it.each([
  [0, 2_000],
  [1, 1_999],
  [0.25, 2_000],
  [1_500, 500],
  // Too near: a timer that fires a little early must not fire again at once.
  [1_999.5, 2_001],
  [1_600, 2_400],
])('at %d ms the next tick of 2 s is in %d ms', (now, left) => {
  expect(untilTick(2_000, now)).toBe(left);
});

it('ticks on whole multiples of its period, whenever it began, until it is stopped', () => {
  const origin = performance.now();
  const ticks: number[] = [];
  jest.advanceTimersByTime(1_000 - (origin % 1_000) + 300);
  const begin = Math.round(performance.now() / 1_000) * 1_000;
  const ticker = new Ticker(1_000, () => ticks.push(Math.round(performance.now()) - begin));
  ticker.start();
  jest.advanceTimersByTime(3_000);
  expect(ticks).toEqual([1_000, 2_000, 3_000]);
  ticker.stop();
  jest.advanceTimersByTime(5_000);
  expect(ticks).toHaveLength(3);
});
