import { Clock } from '@purser/service';
import { LiveRunners } from './live-runners.js';

class HandClock extends Clock {
  at = 0;

  now(): Date {
    return new Date(this.at);
  }

  monotonic(): number {
    return this.at;
  }
}

let clock: HandClock;
let runners: LiveRunners;

beforeEach(() => {
  clock = new HandClock();
  runners = new LiveRunners(clock);
});

it('says nothing before every runner that is alive had time to ask', () => {
  expect(runners.lack('command')).toBe(false);
  clock.at = 5_000;
  expect(runners.lack('command')).toBe(true);
});

it('knows executors from claims of the last half minute', () => {
  runners.heard('r1', ['command', 'abacus']);
  runners.heard('r2', ['command']);
  clock.at = 30_000;
  expect([runners.lack('abacus'), runners.lack('command'), runners.lack('chat')]).toEqual([false, false, true]);
  runners.heard('r2', ['command']);
  clock.at = 30_001;
  expect([runners.lack('abacus'), runners.lack('command')]).toEqual([true, false]);
});

it('counts a full runner, which only renews its sessions', () => {
  runners.heard('r1', ['command']);
  for (clock.at = 0; clock.at < 100_000; clock.at += 2_000) runners.heard('r1');
  expect(runners.lack('command')).toBe(false);
});

it('is not certain while somebody is alive whose claims it did not see', () => {
  clock.at = 10_000;
  runners.heard('r1', ['command']);
  runners.heard('r2');
  expect(runners.lack('chat')).toBe(false);
});
