import type { Assignment } from '@purser/contracts';
import { Lease } from './lease.js';
import { Session } from './session.js';

jest.useFakeTimers();

let now = 0;
const assignment: Assignment = {
  taskId: 'task',
  sessionId: 'session',
  epoch: 3,
  executor: 'command',
  input: {},
  limits: {},
  priority: 5,
  project: null,
  labels: [],
  deadline: null,
  parent: null,
  ancestors: [],
  continues: [],
  paidOnly: false,
  complexity: 'standard',
  workspace: null,
  grader: null,
  createdAt: '2026-11-23T10:00:00Z',
};
const causes: string[] = [];
const open = () => {
  now = 0;
  causes.length = 0;
  const lease = new Lease({ now: () => new Date(0), monotonic: () => now }, 0, 8_000);
  return new Session(assignment, lease, 1_000, 0, ({ kind }) => causes.push(kind), 5_000);
};

it('says why it is to wrap up, and kills at the end of the grace period', () => {
  const session = open();
  session.wrapUp({ kind: 'resource', resource: 'tokens', reason: 'tokens 0.86 of its limit' });
  expect(session.wrap.reason).toBe('tokens 0.86 of its limit');
  jest.advanceTimersByTime(1_000);
  expect(session.kill.aborted).toBe(false);
  jest.advanceTimersByTime(300);
  expect(session.kill.aborted).toBe(true);
});

it('does not kill what ended within the grace period', () => {
  const session = open();
  session.wrapUp({ kind: 'shutdown' });
  session.workDone();
  jest.advanceTimersByTime(10_000);
  expect(session.kill.aborted).toBe(false);
});

it('keeps the first cause, except that cancelled counts', () => {
  const session = open();
  session.wrapUp({ kind: 'shutdown' });
  session.wrapUp({ kind: 'lease' });
  expect(session.cause).toEqual({ kind: 'shutdown' });
  session.wrapUp({ kind: 'cancelled' });
  expect(session.cause).toEqual({ kind: 'cancelled' });
  expect(causes).toEqual(['shutdown']);
  session.workDone();
});

it('stops at once, and may still write', () => {
  const session = open();
  session.stopNow({ kind: 'resource', resource: 'memoryMb', reason: 'memoryMb 1.30 of its limit' });
  expect([session.wrap.aborted, session.kill.aborted]).toEqual([true, true]);
  expect(() => session.assertMayWrite()).not.toThrow();
  session.workDone();
});

it('may not write once it is lost, nor after its lease, also when nothing told it so', () => {
  const lost = open();
  lost.lose('a newer session owns the task');
  expect(lost.kill.aborted).toBe(true);
  expect(() => lost.assertMayWrite()).toThrow('may not write: a newer session owns the task');
  const asleep = open();
  now = 8_000;
  expect(() => asleep.assertMayWrite()).toThrow('its lease is over');
});

it('takes of a progress what can be sent on', () => {
  const session = open();
  session.report({ done: NaN, total: 4, note: 'x'.repeat(600) });
  expect(session.progress).toEqual({ total: 4, note: 'x'.repeat(500) });
});

describe('a long unit', () => {
  it('is waited for when its program said so, also after the wrap, but not beyond the bound', () => {
    const session = open();
    expect(session.grace.extend(3_000)).toBe(3_000);
    jest.advanceTimersByTime(1_000);
    session.wrapUp({ kind: 'cancelled' });
    jest.advanceTimersByTime(1_900);
    expect(session.grace.leftMs).toBe(100);
    expect(session.grace.extend(60_000)).toBe(4_100);
    jest.advanceTimersByTime(4_000);
    expect(session.kill.aborted).toBe(false);
    expect(session.grace.extend(60_000)).toBe(100);
    jest.advanceTimersByTime(400);
    expect(session.kill.aborted).toBe(true);
  });

  it('that is over leaves the standard time', () => {
    const session = open();
    session.grace.extend(5_000);
    session.grace.extend(0);
    session.wrapUp({ kind: 'cancelled' });
    jest.advanceTimersByTime(1_300);
    expect(session.kill.aborted).toBe(true);
  });

  it.each(['emergency', 'lease', 'shutdown'] as const)('is not waited for at %s', (kind) => {
    const session = open();
    session.grace.extend(5_000);
    session.wrapUp({ kind: 'cancelled' });
    jest.advanceTimersByTime(2_000);
    // Told again and again, as a lease that runs out is.
    for (let told = 0; told < 14; told += 1) {
      session.wrapUp({ kind, reason: 'too expensive' });
      jest.advanceTimersByTime(100);
    }
    expect(session.kill.aborted).toBe(true);
  });
});
