import { Patience } from './patience.js';

it('waits longer after every failure, up to a minute, and not at all after a success', () => {
  let now = 0;
  const patience = new Patience(() => now);
  const waits: number[] = [];
  for (let failures = 0; failures < 9; failures += 1) {
    patience.failed('a');
    const failedAt = now;
    while (!patience.isDue('a')) now += 500;
    waits.push((now - failedAt) / 1_000);
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  expect(patience.isDue('b')).toBe(true);
  patience.failed('a');
  patience.succeeded('a');
  expect(patience.isDue('a')).toBe(true);
  patience.failed('a');
  patience.keepOnly(['b']);
  expect(patience.isDue('a')).toBe(true);
});
