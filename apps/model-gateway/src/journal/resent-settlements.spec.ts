import type { Bus } from '@purser/bus';
import { PurserError, type Spend, type SpendBatch } from '@purser/contracts';
import type { Log } from '@purser/service';
import fc from 'fast-check';
import type { Journal } from './journal.js';
import { Settlements } from './settlements.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

const spend = (attemptId: string) => ({ attemptId, provider: 'openai', amountUsd: '0.02', holdUsd: '0.02' }) as Spend;
const quiet = () => undefined;
const log = { debug: quiet, warn: quiet, error: quiet } as unknown as Log;

/** JetStream: keeps the first message of each name. One may be stored though its confirmation never arrives. */
class Stream {
  readonly stored = new Set<string>();
  private readonly names = new Set<string>();
  private readonly underWay: (() => void)[] = [];

  constructor(private readonly fates: { stored: boolean; confirmed: boolean }[]) {}

  publish = (_fact: unknown, _of: string, { spends }: SpendBatch, name: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const fate = this.fates.shift() ?? { stored: true, confirmed: true };
      this.underWay.push(() => {
        if (fate.stored && !this.names.has(name)) {
          this.names.add(name);
          for (const { attemptId } of spends) this.stored.add(attemptId);
        }
        if (fate.stored && fate.confirmed) resolve();
        else reject(new PurserError('unavailable'));
      });
    });

  /** The oldest or the newest message ends. */
  end(newest: boolean): void {
    (newest ? this.underWay.pop() : this.underWay.shift())?.();
  }
}

it('loses no settlement, whatever is stored unheard and in whichever order it is told', async () => {
  const fate = fc.record({ stored: fc.boolean(), confirmed: fc.boolean() });
  const step = fc.oneof(fc.integer({ min: 1, max: 230 }), fc.boolean());
  await fc.assert(
    fc.asyncProperty(fc.array(fate, { maxLength: 12 }), fc.array(step, { maxLength: 25 }), async (fates, steps) => {
      const stream = new Stream([...fates]);
      const unsent = new Set<string>();
      const journal = {
        settled: ({ attemptId }: Spend) => void unsent.add(attemptId),
        sent: (attemptId: string) => void unsent.delete(attemptId),
      } as unknown as Journal;
      const settlements = new Settlements(stream as unknown as Bus, journal, log);
      let count = 0;
      for (const one of steps) {
        if (typeof one === 'boolean') stream.end(one);
        else for (let n = 0; n < one; n++) settlements.add(spend(`a${count++}`));
        await jest.advanceTimersByTimeAsync(30);
      }
      for (let n = 0; n < 60; n++) {
        stream.end(false);
        await jest.advanceTimersByTimeAsync(6_000);
      }
      expect([settlements.pending, unsent.size, stream.stored.size]).toEqual([0, 0, count]);
    }),
    { numRuns: 60 },
  );
});
