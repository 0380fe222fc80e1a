import type { ExecutorResult } from '@purser/plugin-sdk';
import { decideOutcome } from './outcome.js';
import type { StopCause } from './stop-cause.js';

const completed: ExecutorResult = { kind: 'completed', result: { answer: 42 } };
const failed: ExecutorResult = { kind: 'failed', error: { code: 'exit_1', message: 'no' } };
const goesOn: ExecutorResult = { kind: 'continue', reason: 'exit 75' };
const tokens: StopCause = { kind: 'resource', resource: 'tokens', reason: 'tokens 0.86 of its limit' };
const emergency: StopCause = { kind: 'emergency', reason: 'a spike (by rule)' };

it('passes on what the executor says when nobody asked it to stop', () => {
  expect(decideOutcome(completed, {})).toEqual({ kind: 'completed', result: { answer: 42 } });
  expect(decideOutcome(failed, {})).toEqual({ kind: 'failed', error: failed.error });
  expect(decideOutcome(goesOn, {})).toEqual({ kind: 'continue', reason: 'exit 75' });
});

it('gives back what could not be run here', () => {
  const released: ExecutorResult = { kind: 'released', reason: 'no engine' };
  expect(decideOutcome(released, {})).toEqual(released);
});

it('continues for the reason of the wrap-up', () => {
  expect(decideOutcome(goesOn, { cause: tokens })).toEqual({ kind: 'continue', reason: 'tokens 0.86 of its limit' });
  expect(decideOutcome(failed, { cause: tokens })).toEqual({ kind: 'failed', error: failed.error });
});

it.each<StopCause>([{ kind: 'shutdown' }, { kind: 'lease' }, emergency])(
  'gives back what this runner wanted to stop ($kind), unless it was completed',
  (cause) => {
    expect(decideOutcome(goesOn, { cause }).kind).toBe('released');
    expect(decideOutcome(failed, { cause }).kind).toBe('released');
    expect(decideOutcome(completed, { cause }).kind).toBe('completed');
  },
);

it('has what found no money wait for it, unless it was completed or asked to stop', () => {
  const noMoney = 'budget: "day" does not cover its next call';
  expect(decideOutcome(goesOn, { noMoney })).toEqual({
    kind: 'continue',
    reason: `${noMoney}; exit 75`,
    waitsFor: 'budget',
  });
  expect(decideOutcome(failed, { noMoney })).toEqual({
    kind: 'continue',
    reason: `${noMoney}; exit_1: no`,
    waitsFor: 'budget',
  });
  expect(decideOutcome(completed, { noMoney }).kind).toBe('completed');
  expect(decideOutcome(goesOn, { noMoney, cause: tokens })).not.toHaveProperty('waitsFor');
});

it('gives back a cancelled task in any case', () => {
  for (const result of [completed, failed, goesOn])
    expect(decideOutcome(result, { cause: { kind: 'cancelled' } }).kind).toBe('released');
});

it('takes no result as null, and fails one that cannot be sent', () => {
  const outcomeOf = (result: unknown) => decideOutcome({ kind: 'completed', result }, {});
  expect(outcomeOf(undefined)).toEqual({ kind: 'completed', result: null });
  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  for (const bad of [cycle, () => 1, 1n, 'x'.repeat(2 * 1024 * 1024)])
    expect(outcomeOf(bad)).toMatchObject({ kind: 'failed', error: { code: 'bad_result' } });
});
