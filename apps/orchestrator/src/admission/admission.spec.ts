import fc from 'fast-check';
import { afterRefusalMs, type Candidate, decide } from './admission.js';
import type { Purse } from './purse.js';

const purse = (given: Partial<Purse> = {}): Purse => ({
  id: 'daily',
  scope: {},
  exhausted: false,
  limit: 1_000n,
  left: 1_000n,
  reserved: 0n,
  minPriority: 0,
  limitUsd: '0.000001',
  period: 'day',
  endsAt: '2026-11-24T00:00:00.000Z',
  ...given,
});
const candidate = (id: string, given: Partial<Candidate> = {}): Candidate => ({
  id,
  state: 'paused',
  priority: 5,
  project: null,
  ancestors: [],
  expected: 0n,
  refusal: null,
  paidOnly: true,
  ...given,
});
const admitted = (candidates: Candidate[], purses: Purse[], now = 0) =>
  decide(candidates, purses, now).verdicts.flatMap(({ id, admit }) => (admit ? [id] : []));
const reasons = (candidates: Candidate[], purses: Purse[], now = 0) =>
  decide(candidates, purses, now).verdicts.map((verdict) => (verdict.admit ? null : verdict.reason));

it('lets start what no budget concerns, or what one has something left for', () => {
  expect(admitted([candidate('a')], [])).toEqual(['a']);
  expect(admitted([candidate('a')], [purse({ left: 1n })])).toEqual(['a']);
});

it('says which budget a task waits for, and when that resets', () => {
  expect(reasons([candidate('a')], [purse({ exhausted: true })])).toEqual([
    'budget: "daily" ($0.000001 per day) is exhausted; it resets at 2026-11-24T00:00:00.000Z',
  ]);
  expect(reasons([candidate('a')], [purse({ id: 'task-a', period: 'total', endsAt: null, left: 0n })])).toEqual([
    'budget: "task-a" ($0.000001 in all) has nothing left; it, its own budget, does not reset by itself: purser budget set task-a --limit <usd>',
  ]);
  expect(reasons([candidate('a')], [purse({ period: { hours: 5 }, endsAt: null, left: 0n })])[0]).toContain(
    'per 5 hours) has nothing left; it has more again as its spend grows older',
  );
});

it('goes by the budgets of its project, its own and those of the tasks above it, not by those of others', () => {
  const spent = { exhausted: true };
  const of = (scope: Purse['scope']) => [purse({ ...spent, scope })];
  const task = candidate('a', { project: 'p', ancestors: ['mother', 'grandmother'] });
  for (const scope of [{}, { project: 'p' }, { task: 'a' }, { task: 'mother' }, { task: 'grandmother' }])
    expect(admitted([task], of(scope))).toEqual([]);
  for (const scope of [{ project: 'q' }, { task: 'b' }, { provider: 'openai' }, { key: 'k' }])
    expect(admitted([task], of(scope))).toEqual(['a']);
});

it('goes by any budget that refused a call of it, until that has what the call needs', () => {
  const refusal = { budgets: ['openai'], needNano: '300', at: 0, times: 1 };
  const tasks = [candidate('a', { refusal })];
  const openai = (left: bigint) => [purse({ id: 'openai', scope: { provider: 'openai' }, left })];
  const soon = afterRefusalMs(1);
  expect(admitted(tasks, openai(299n), soon)).toEqual([]);
  expect(admitted(tasks, openai(300n), soon)).toEqual(['a']);
  expect(admitted(tasks, openai(300n), soon - 1)).toEqual([]);
  expect(admitted(tasks, [], soon)).toEqual(['a']);
});

it('tries a task again ever later whose sessions are refused although the figures say that they should not be', () => {
  expect([1, 2, 3, 7, 30].map(afterRefusalMs)).toEqual([5_000, 10_000, 20_000, 300_000, 300_000]);
  const refusal = { budgets: ['daily'], needNano: null, at: 0, times: 3 };
  expect(reasons([candidate('a', { refusal })], [purse()], 19_999)).toEqual([
    'budget: "daily" did not cover its last call; it is tried again at 1970-01-01T00:00:20.000Z',
  ]);
  expect(admitted([candidate('a', { refusal })], [purse()], 20_000)).toEqual(['a']);
});

it('promises what is left once, to those that are taken first', () => {
  const tasks = ['a', 'b', 'c'].map((id) => candidate(id, { expected: 400n }));
  expect(admitted(tasks, [purse({ left: 900n })])).toEqual(['a', 'b']);
  const busy = candidate('busy', { state: 'running', expected: 600n });
  expect(admitted([...tasks, busy], [purse({ left: 900n })])).toEqual([]);
});

it('does not wait for more than half of a whole window', () => {
  const dear = candidate('a', { expected: 10_000n });
  expect(admitted([dear], [purse({ left: 499n })])).toEqual([]);
  expect(admitted([dear], [purse({ left: 500n })])).toEqual(['a']);
});

it('keeps a reserve from tasks below its priority', () => {
  const one = [purse({ left: 100n, reserved: 100n, minPriority: 8 })];
  expect(admitted([candidate('a', { priority: 7 }), candidate('b', { priority: 8 })], one)).toEqual(['b']);
});

it('ends after their session those that run on a budget that is used up', () => {
  const busy = [candidate('a', { state: 'running' })];
  expect(decide(busy, [purse()], 0).toEnd).toEqual([]);
  expect(decide(busy, [purse({ exhausted: true })], 0).toEnd).toEqual(['a']);
});

it('never promises more than is left, and passes over nobody who fits', () => {
  const amounts = fc.bigInt(0n, 1_000n);
  fc.assert(
    fc.property(fc.array(amounts, { maxLength: 20 }), amounts, (expected, left) => {
      const tasks = expected.map((one, index) => candidate(`t${index}`, { expected: one }));
      const budget = purse({ limit: 2_000n, left });
      const started = new Set(admitted(tasks, [budget]));
      let promised = 0n;
      for (const task of tasks) {
        const fits = left - promised > 0n && task.expected <= left - promised;
        expect(started.has(task.id)).toBe(fits);
        if (fits) promised += task.expected;
      }
      expect(promised <= left).toBe(true);
    }),
  );
});

it('has one that may go on for free wait after a refusal too, but not for longer than it may be that something is free again', () => {
  const refusal = { budgets: [], needNano: null, at: 1_000, times: 1 };
  const task = candidate('a', { paidOnly: false, refusal });
  const spent = [purse({ exhausted: true })];
  expect(admitted([task], spent, 1_000 + 299_999)).toEqual([]);
  expect(admitted([task], spent, 1_000 + 300_000)).toEqual(['a']);
  expect(reasons([task], [], 1_000)).toEqual([
    'budget: no budget that it may use covered its last call; it is tried again at 1970-01-01T00:00:06.000Z',
  ]);
  expect(admitted([task], [purse()], 6_000)).toEqual(['a']);
  expect(decide([{ ...task, state: 'running' }], spent, 6_000).toEnd).toEqual([]);
});
