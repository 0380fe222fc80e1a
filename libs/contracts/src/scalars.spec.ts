import fc from 'fast-check';
import { z } from 'zod';
import { Budget, Id, Instant, invalidRequest, isPurserError, PurserError, TaskSpec, Usd, UsdInput } from './index.js';

const ok = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
  schema.safeParse(value).success;

describe('ids', () => {
  it('are one token of a subject', () => {
    for (const id of ['a', 'nightly-review-7', 'A_b-9', 'x'.repeat(64)]) expect(ok(Id, id)).toBe(true);
    for (const id of ['', 'a.b', 'a b', '*', '>', 'ä', 'a\n', 'x'.repeat(65), 7, null]) expect(ok(Id, id)).toBe(false);
  });
});

describe('amounts', () => {
  it('are decimal strings of at most nine places', () => {
    for (const usd of ['0', '1.50', '0.000000001', '-2', '999999999.999999999']) expect(ok(Usd, usd)).toBe(true);
    for (const usd of ['', '.5', '1.', '1e3', '1,5', '0.0000000001', '$1', 'NaN', 1.5])
      expect(ok(Usd, usd)).toBe(false);
  });

  it('may be written as plain numbers, and are the same then', () => {
    expect(UsdInput.parse(1.5)).toBe('1.500000000');
    expect(UsdInput.parse('1.50')).toBe('1.50');
    for (const usd of [-1, '-1', Infinity, NaN, 1e12, true, null]) expect(ok(UsdInput, usd)).toBe(false);
    fc.assert(
      fc.property(fc.double({ min: 0, max: 999_999_999, noNaN: true }), (amount) => {
        const text = UsdInput.parse(amount);
        expect(UsdInput.parse(text)).toBe(text);
        expect(Math.abs(Number(text) - amount)).toBeLessThanOrEqual(5.1e-10 + amount * 1e-15);
      }),
    );
  });
});

describe('times', () => {
  it('say their zone', () => {
    for (const time of ['2026-11-23T10:00:00Z', '2026-11-23T10:00:00.123+05:30']) expect(ok(Instant, time)).toBe(true);
    for (const time of ['2026-11-23', '2026-11-23T10:00:00', '2026-02-30T10:00:00Z', 'now', 0])
      expect(ok(Instant, time)).toBe(false);
  });
});

describe('a task', () => {
  const least = { executor: 'command', input: { argv: ['true'] } };

  it('needs an executor and its input; the rest has defaults', () => {
    expect(TaskSpec.parse(least)).toMatchObject({ priority: 5, dependsOn: [], retries: 0, maxSessions: 100 });
    for (const field of ['executor', 'input']) expect(ok(TaskSpec, { ...least, [field]: undefined })).toBe(false);
  });

  it('refuses a misspelt field, so that a limit is not silently none', () => {
    const { error } = TaskSpec.safeParse({ ...least, limits: { token: 5 } });
    expect(error?.issues).toMatchObject([{ path: ['limits'], keys: ['token'] }]);
    expect(ok(TaskSpec, { ...least, budget: '1' })).toBe(false);
  });

  it('reads the same when it is read twice, as it is by caller and server', () => {
    const written = {
      ...least,
      budgetUsd: 0.1,
      limits: { tokens: 5 },
      labels: ['a/b'],
      deadline: '2026-11-23T10:00:00Z',
    };
    const once = TaskSpec.parse(written);
    expect(TaskSpec.parse(JSON.parse(JSON.stringify(once)))).toEqual(once);
  });
});

describe('a budget', () => {
  const least = { id: 'monthly', period: 'month', limitUsd: 100 };

  it('has thresholds in order and a real time zone', () => {
    expect(Budget.parse(least)).toMatchObject({
      thresholds: { warning: 0.75, critical: 0.9, cutoff: 1 },
      timezone: 'UTC',
    });
    expect(ok(Budget, { ...least, timezone: 'Europe/Berlin' })).toBe(true);
    expect(ok(Budget, { ...least, timezone: 'Mars/Olympus' })).toBe(false);
    expect(ok(Budget, { ...least, thresholds: { warning: 0.95 } })).toBe(false);
    expect(ok(Budget, { ...least, thresholds: { cutoff: 1.1 } })).toBe(false);
  });
});

describe('errors', () => {
  it('say of a field of several shapes what the nearest one lacks, unless it has words of its own', () => {
    const shape = z.object({
      plain: z.union([z.literal('none'), z.object({ hours: z.number().min(1) })]),
      worded: z.union([z.literal('none'), z.object({ hours: z.number().min(1) })], { error: 'none, or hours' }),
    });
    const wrong = shape.safeParse({ plain: { hours: 0 }, worded: { hours: 'some' } });
    const { details } = invalidRequest('a spec', wrong.error ?? new z.ZodError([]));
    expect(details.issues).toEqual([
      { field: 'plain.hours', problem: expect.stringContaining('>=1') as string },
      { field: 'worded', problem: 'none, or hours' },
    ]);
  });

  it('are told by their code, whichever copy of the class made them', () => {
    expect(isPurserError(new PurserError('timeout'))).toBe(true);
    expect(isPurserError(Object.assign(new Error('x'), { code: 'timeout' }))).toBe(true);
    for (const code of ['ECONNREFUSED', 'toString', 7])
      expect(isPurserError(Object.assign(new Error('x'), { code }))).toBe(false);
    expect(isPurserError({ code: 'timeout' })).toBe(false);
  });
});

it('a task without its executor is told what that is', () => {
  expect(TaskSpec.safeParse({ input: {} }).error?.issues).toEqual([
    expect.objectContaining({ path: ['executor'], message: 'the name of an executor plugin, such as "command"' }),
  ]);
});
