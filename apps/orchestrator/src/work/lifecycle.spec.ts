import fc from 'fast-check';
import { afterSession, backoffMs, type Ending, LOST_IN_A_ROW_IS_POISON, type Standing } from './lifecycle.js';

const fresh: Standing = {
  sessionsUsed: 0,
  maxSessions: 100,
  failures: 0,
  retries: 0,
  lostInARow: 0,
  unchangedInARow: 0,
  startDigest: null,
  lastDigest: null,
  cancelRequested: false,
  pauseRequested: null,
  overdue: false,
};
const failure: Ending = { kind: 'failed', error: { code: 'exit_1', message: 'it broke' } };
const goOn: Ending = { kind: 'continue', reason: 'tokens 0.86 of its limit' };
const released: Ending = { kind: 'released', reason: 'shutdown' };
const lost: Ending = { kind: 'lost' };

const after = (standing: Partial<Standing>, ending: Ending) => afterSession({ ...fresh, ...standing }, ending, 0.5);

describe('what follows a session', () => {
  it('completes with the result', () => {
    expect(after({}, { kind: 'completed', result: { n: 1 } })).toMatchObject({
      next: { state: 'completed', result: { n: 1 } },
      sessionOutcome: 'completed',
      sessionsUsed: 1,
    });
  });

  it('fails with the runner’s error, after as many retries as were asked for, later each time', () => {
    expect(after({}, failure).next).toEqual({ state: 'failed', error: { code: 'exit_1', message: 'it broke' } });
    const first = after({ retries: 2 }, failure);
    expect(first).toMatchObject({ next: { state: 'ready', afterMs: 1_000 }, failures: 1 });
    expect(after({ retries: 2, failures: 1 }, failure).next).toEqual({ state: 'ready', afterMs: 2_000 });
    expect(after({ retries: 2, failures: 2 }, failure).next).toMatchObject({ state: 'failed' });
    expect(backoffMs(60, 0.999)).toBeLessThanOrEqual(450_000);
    expect(backoffMs(1, 0)).toBe(500);
  });

  it('blames no task for sessions that found no money, however many', () => {
    const broke: Ending = { ...goOn, waitsFor: 'budget' };
    const used = { sessionsUsed: 3, maxSessions: 4, unchangedInARow: 4 };
    expect(after(used, broke)).toMatchObject({ next: { state: 'ready' }, sessionsUsed: 3, unchangedInARow: 4 });
    expect(after({ ...used, lastDigest: 'b' }, broke)).toMatchObject({ sessionsUsed: 3, unchangedInARow: 0 });
    expect(after({ ...used, maxSessions: 9 }, { ...broke, spent: true }).next).toMatchObject({
      state: 'failed',
      error: { code: 'no_progress' },
    });
  });

  it('waits between tries as the task says', () => {
    const retryBackoff = { firstSeconds: 10, factor: 3, maxSeconds: 60 };
    const waits = [0, 1, 2, 99].map((failures) => after({ retries: 100, failures, retryBackoff }, failure).next);
    expect(waits).toEqual([10_000, 30_000, 60_000, 60_000].map((afterMs) => ({ state: 'ready', afterMs })));
    expect(backoffMs(100, 0.5, { firstSeconds: 0.1, factor: 1, maxSeconds: 60 })).toBe(100);
  });

  it('continues at once while the checkpoint moves, and stops when it does not', () => {
    expect(after({ lastDigest: 'b', startDigest: 'a', unchangedInARow: 4 }, goOn)).toMatchObject({
      next: { state: 'ready', afterMs: 0 },
      unchangedInARow: 0,
      sessionOutcome: 'continued',
      reason: 'tokens 0.86 of its limit',
    });
    expect(after({ lastDigest: 'a', startDigest: 'a', unchangedInARow: 3 }, goOn)).toMatchObject({
      next: { state: 'ready' },
      unchangedInARow: 4,
    });
    expect(after({ lastDigest: 'a', startDigest: 'a', unchangedInARow: 4 }, goOn).next).toMatchObject({
      state: 'failed',
      error: { code: 'no_progress' },
    });
    expect(after({ unchangedInARow: 4 }, goOn).next).toMatchObject({ error: { code: 'no_progress' } });
  });

  it('gives a lost task to the next runner, until it is taken for poison', () => {
    expect(after({ lostInARow: 3 }, lost)).toMatchObject({ next: { state: 'ready', afterMs: 0 }, lostInARow: 4 });
    expect(after({ lostInARow: 4 }, lost).next).toMatchObject({ state: 'failed', error: { code: 'poison' } });
    expect(after({ lostInARow: 4 }, goOn)).toMatchObject({ lostInARow: 0 });
  });

  it('counts neither a released session nor its loss', () => {
    expect(after({ sessionsUsed: 0, maxSessions: 1, lostInARow: 4 }, released)).toMatchObject({
      next: { state: 'ready' },
      sessionsUsed: 0,
      lostInARow: 0,
      sessionOutcome: 'released',
    });
  });

  it('stops at maxSessions, with the runner’s own error where there is one', () => {
    for (const ending of [goOn, lost])
      expect(after({ sessionsUsed: 1, maxSessions: 2, lastDigest: 'new' }, ending).next).toMatchObject({
        error: { code: 'max_sessions' },
      });
    expect(after({ sessionsUsed: 1, maxSessions: 2, retries: 9 }, failure).next).toMatchObject({
      error: { code: 'exit_1' },
    });
  });

  it('cancels what a person asked to cancel, however the session ended', () => {
    for (const ending of [failure, goOn, released, lost, { kind: 'completed', result: 1 } as const])
      expect(after({ cancelRequested: true, retries: 5 }, ending).next).toEqual({ state: 'cancelled' });
  });

  it('pauses what would go on when a person asked for it, and no more', () => {
    const pauseRequested = 'person: ada';
    const paused = { state: 'paused', reason: pauseRequested };
    for (const ending of [goOn, released, lost])
      expect(after({ pauseRequested, lastDigest: 'new' }, ending).next).toEqual(paused);
    expect(after({ pauseRequested, retries: 1 }, failure).next).toEqual(paused);
    expect(after({ pauseRequested }, failure).next).toMatchObject({ state: 'failed' });
    expect(after({ pauseRequested }, { kind: 'completed', result: 1 }).next).toMatchObject({ state: 'completed' });
    expect(after({ pauseRequested, cancelRequested: true }, goOn).next).toEqual({ state: 'cancelled' });
  });

  it('does not go on after the deadline, but takes what was done', () => {
    for (const ending of [goOn, released, lost])
      expect(after({ overdue: true, lastDigest: 'new' }, ending).next).toMatchObject({ error: { code: 'deadline' } });
    expect(after({ overdue: true }, { kind: 'completed', result: 1 }).next).toMatchObject({ state: 'completed' });
    expect(after({ overdue: true }, failure).next).toMatchObject({ error: { code: 'exit_1' } });
    expect(after({ overdue: true, retries: 1 }, failure).next).toMatchObject({ error: { code: 'deadline' } });
  });

  it('keeps texts to what Postgres and a list of tasks can hold', () => {
    const { next, reason } = after({}, { kind: 'failed', error: { code: 'x\0y', message: '\0'.repeat(100_000) } });
    expect(JSON.stringify([next, reason])).not.toContain('\\u0000');
    expect(reason.length).toBeLessThanOrEqual(4_096);
  });

  it('always ends: no run of sessions is longer than its limits allow', () => {
    const ending = fc.constantFrom<Ending>(failure, goOn, lost);
    fc.assert(
      fc.property(
        fc.array(ending, { minLength: 40, maxLength: 40 }),
        fc.nat(10),
        fc.integer({ min: 1, max: 30 }),
        (endings, retries, maxSessions) => {
          let standing: Standing = { ...fresh, retries, maxSessions };
          for (const [index, one] of endings.entries()) {
            const step = afterSession({ ...standing, lastDigest: String(index) }, one, 0.5);
            expect(step.lostInARow).toBeLessThanOrEqual(LOST_IN_A_ROW_IS_POISON);
            if (step.next.state !== 'ready') return true;
            standing = { ...standing, ...step, startDigest: String(index) };
          }
          return false;
        },
      ),
      { numRuns: 200 },
    );
  });
});
