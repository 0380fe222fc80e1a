import { AwakeClock, STANDSTILL_MS } from './awake-clock.js';
import { Lease } from './lease.js';

let now = 0;
const real = { now: () => new Date(now), monotonic: () => now };

beforeEach(() => {
  now = 1_000;
});

it('counts as any clock does while it is looked at, and while nobody looks', () => {
  const clock = new AwakeClock(real);
  now += 60_000;
  expect(clock.monotonic()).toBe(61_000);
  clock.watched();
  now += STANDSTILL_MS;
  expect(clock.monotonic()).toBe(63_000);
  clock.unwatched();
  now += 60_000;
  expect(clock.monotonic()).toBe(123_000);
  expect(clock.stoodStillMs).toBe(0);
});

it('leaves out what it slept, whoever looks first', () => {
  const clock = new AwakeClock(real);
  clock.watched();
  const lease = new Lease(clock, clock.monotonic(), 8_000);
  now += 1_000;
  expect(lease.remainingMs).toBe(7_000);
  now += 3_600_000;
  expect(lease.remainingMs).toBe(7_000);
  expect(clock.stoodStillMs).toBe(3_600_000);
  for (let step = 0; step < 7; step++) {
    expect(lease.over).toBe(false);
    now += 1_000;
  }
  expect(lease.over).toBe(true);
});
