import type { WorkOutlook } from '@purser/contracts';
import { budgetWith } from '../testing/costs.fixture.js';
import { isEmpty, isGone, Verdict } from './verdict.js';

const NOTHING: WorkOutlook = {
  at: '2026-11-29T00:00:00Z',
  running: 0,
  ready: 0,
  stuck: 0,
  delayed: 0,
  blocked: 0,
  paused: 0,
  nextAt: null,
  emergency: false,
};
const outlook = (given: Partial<WorkOutlook>): WorkOutlook => ({ ...NOTHING, ...given });

describe('the end of a run', () => {
  it.each([
    ['nothing at all', {}, true],
    ['a task that runs', { running: 1 }, false],
    ['a task that may run', { ready: 1 }, false],
    ['a task that no runner can do', { ready: 2, stuck: 2 }, true],
    ['one among them that a runner can do', { ready: 3, stuck: 2 }, false],
    ['what waits for a person or a budget', { blocked: 4, paused: 3 }, true],
    ['what is due soon', { delayed: 1, nextAt: '2026-11-29T00:01:00Z' }, false],
    ['a schedule that is due already', { nextAt: '2026-11-28T23:59:59Z' }, false],
    ['what is due later', { delayed: 1, nextAt: '2026-11-29T00:01:01Z' }, true],
  ])('with %s', (_, given, empty) => {
    expect(isEmpty(outlook(given), 60_000)).toBe(empty);
  });

  const endings = (looks: Partial<Parameters<Verdict['after']>[0]>[]) => {
    const verdict = new Verdict(60_000);
    return looks.map((look) => verdict.after({ outlook: NOTHING, budgets: [], msLeft: 1, ...look }));
  };

  it('comes when several looks in a row found nothing to do', () => {
    const busy = { outlook: outlook({ running: 1 }) };
    expect(endings([{}, {}, busy, {}, {}, {}])).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
      'empty',
    ]);
  });

  it('comes at once when the time is over, whatever runs', () => {
    expect(endings([{ outlook: outlook({ running: 3 }), msLeft: 0 }])).toEqual(['time']);
  });

  it('comes when a budget over everything is used up that does not fall back to free models', () => {
    const running = outlook({ running: 1 });
    const used = budgetWith('50.00', 'exhausted', { onExhausted: 'block' });
    expect(endings([{ outlook: running, budgets: [used] }])).toEqual(['budget']);
    expect(isGone(budgetWith('50.00', 'exhausted', { onExhausted: 'free' }))).toBe(false);
    expect(isGone(budgetWith('49.00', 'critical', { onExhausted: 'block' }))).toBe(false);
    expect(isGone(budgetWith('50.00', 'exhausted', { onExhausted: 'block', scope: { provider: 'openai' } }))).toBe(
      false,
    );
  });

  it('comes in an emergency that lasts, once nothing runs', () => {
    const set = { outlook: outlook({ ready: 5, emergency: true }) };
    expect(endings([set, {}, set])).not.toContain('emergency');
    expect(endings(Array.from({ length: 10 }, () => set)).at(-1)).toBe('emergency');
    const running = { outlook: outlook({ running: 1, emergency: true }) };
    expect(endings(Array.from({ length: 20 }, () => running))).not.toContain('emergency');
  });
});
