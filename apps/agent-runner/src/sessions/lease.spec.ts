import type { Clock } from '@purser/service';
import { Lease } from './lease.js';

let now = 0;
const clock: Clock = { now: () => new Date(0), monotonic: () => now };
const at = (time: number, lease: Lease, graceMs: number) => {
  now = time;
  return lease.urgency(graceMs);
};

it('counts from when the claim was sent, and from when the heartbeat that renewed it was sent', () => {
  now = 500;
  const lease = new Lease(clock, 0, 8_000);
  expect(lease.remainingMs).toBe(7_500);
  lease.renew(400, 8_000);
  expect(lease.remainingMs).toBe(7_900);
  lease.renew(100, 8_000); // An answer that was overtaken shortens nothing.
  expect(lease.remainingMs).toBe(7_900);
  now = 8_400;
  expect(lease.over).toBe(true);
});

it('tells how long processes may go on without this runner: not to the end', () => {
  now = 0;
  const lease = new Lease(clock, 0, 8_000);
  expect(lease.unattendedMs).toBe(7_500);
  now = 9_000;
  expect(lease.unattendedMs).toBe(0);
});

it('wraps up early enough for the grace period, and stops before the end', () => {
  const lease = new Lease(clock, 0, 60_000);
  expect([48_000, 49_000, 58_900, 59_000].map((time) => at(time, lease, 10_000))).toEqual([
    'none',
    'wrap',
    'wrap',
    'stop',
  ]);
});

it('lets two heartbeats go wrong on a lease that is shorter than the grace period', () => {
  const lease = new Lease(clock, 0, 8_000);
  expect([4_100, 4_799, 4_800, 6_999, 7_000].map((time) => at(time, lease, 10_000))).toEqual([
    'none',
    'none',
    'wrap',
    'wrap',
    'stop',
  ]);
});
