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
  /** What each message told when it came first. */
  readonly contents = new Map<string, string>();
  /** The message that told of an attempt first. */
  readonly tellers = new Map<string, string>();
  /** Messages that came again with other content, or attempts that came again in another message. */
  readonly mixed: string[] = [];
  private readonly underWay: (() => void)[] = [];

  constructor(private readonly fates: { stored: boolean; confirmed: boolean }[]) {}

  publish = (_fact: unknown, _of: string, { spends }: SpendBatch, name: string): Promise<void> =>
    new Promise((resolve, reject) => {
      this.compare(name, spends);
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

  private compare(name: string, spends: readonly Spend[]): void {
    const content = spends.map(({ attemptId }) => attemptId).join();
    if ((this.contents.get(name) ?? content) !== content) this.mixed.push(name);
    this.contents.set(name, content);
    for (const { attemptId } of spends) {
      if ((this.tellers.get(attemptId) ?? name) !== name) this.mixed.push(attemptId);
      this.tellers.set(attemptId, name);
    }
  }

  /** The oldest or the newest message ends. */
  end(newest: boolean): void {
    (newest ? this.underWay.pop() : this.underWay.shift())?.();
  }
}

it('loses no settlement, whatever is stored unheard and in whichever order it is told', async () => {
  const fate = fc.constantFrom(
    { stored: false, confirmed: false },
    { stored: true, confirmed: false },
    { stored: true, confirmed: true },
  );
  // Few sizes, so that different messages come to the same number.
  const step = fc.oneof(fc.constantFrom(50, 150, 200), fc.constantFrom(true, false));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fate, { minLength: 5, maxLength: 9 }),
      fc.array(step, { minLength: 8, maxLength: 16 }),
      async (fates, steps) => {
        const stream = new Stream([...fates]);
        const unsent = new Set<string>();
        const journal = {
          flush: () => undefined,
          settled: ({ attemptId }: Spend) => void unsent.add(attemptId),
          sent: (attemptId: string) => void unsent.delete(attemptId),
        } as unknown as Journal;
        const settlements = new Settlements(stream as unknown as Bus, journal, log);
        let count = 0;
        for (const one of steps) {
          if (typeof one === 'boolean') stream.end(one);
          else for (let n = 0; n < one; n++) settlements.add(spend(`a${count++}`));
          await jest.advanceTimersByTimeAsync(250);
        }
        for (let n = 0; n < 40; n++) {
          stream.end(false);
          await jest.advanceTimersByTimeAsync(6_000);
        }
        // Some of the messages that were not confirmed are stored: whatever comes again must be known as a repetition.
        expect(stream.mixed).toEqual([]);
        expect([settlements.pending, unsent.size, stream.stored.size]).toEqual([0, 0, count]);
      },
    ),
    { numRuns: 100 },
  );
});
