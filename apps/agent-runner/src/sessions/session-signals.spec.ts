import type { Signal } from '@purser/contracts';
import { SessionSignals } from './session-signals.js';

const signal = (number: number): Signal => ({ number, name: 'x', payload: null, at: '2026-11-29T00:00:00Z' });
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('the signals of a session', () => {
  it('wait for the executor, and are given in order, each once', async () => {
    const signals = new SessionSignals();
    signals.take([signal(3), signal(4)]);
    signals.take([signal(4), signal(5)]);
    expect(signals).toMatchObject({ received: 5, delivered: 0 });
    const given: number[] = [];
    signals.deliverTo(async ({ number }) => {
      await turn();
      given.push(number);
    });
    signals.take([signal(6)]);
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(given).toEqual([3, 4, 5, 6]);
    expect(signals.delivered).toBe(6);
  });

  it('that were not taken do not count as delivered, nor do those after them', async () => {
    const signals = new SessionSignals();
    signals.deliverTo(({ number }) => (number === 2 ? Promise.reject(new Error('ended')) : undefined));
    signals.take([signal(1), signal(2), signal(3)]);
    await turn();
    signals.take([signal(4)]);
    await turn();
    expect(signals).toMatchObject({ received: 4, delivered: 1 });
  });
});
