import { PurserError } from '@purser/contracts';
import { Together } from './together.js';

const LIMITS = { mostItems: 3, mostBytes: 100, bytesOf: (item: number) => item, mostWaiting: 10 };

/** Work that ends when the spec says so. */
class Steps {
  readonly groups: number[][] = [];
  private readonly ends: (() => void)[] = [];

  work = async (items: number[]): Promise<number[]> => {
    this.groups.push(items);
    await new Promise<void>((resolve) => this.ends.push(resolve));
    return items.map((item) => item * 2);
  };

  async end(): Promise<void> {
    while (this.ends.length === 0) await new Promise((resolve) => setImmediate(resolve));
    this.ends.shift()?.();
  }
}

describe('what is done together', () => {
  it('is all that arrived while work was under way, each with its own answer', async () => {
    const steps = new Steps();
    const together = new Together(steps.work, LIMITS);
    const first = together.add(1);
    await new Promise((resolve) => setImmediate(resolve));
    const later = [together.add(2), together.add(3)];
    await steps.end();
    expect(await first).toBe(2);
    await steps.end();
    expect(await Promise.all(later)).toEqual([4, 6]);
    expect(steps.groups).toEqual([[1], [2, 3]]);
  });

  it('is no more than fits, by number and by size, but one alone in any case', async () => {
    const groups: number[][] = [];
    const together = new Together((items: number[]) => {
      groups.push(items);
      return Promise.resolve(items);
    }, LIMITS);
    const items = [1, 2, 3, 4, 60, 50, 500, 1];
    expect(await Promise.all(items.map((item) => together.add(item)))).toEqual(items);
    expect(groups).toEqual([[1, 2, 3], [4, 60], [50], [500], [1]]);
  });

  it('fails for the one item that is broken, and for all where the trouble passes', async () => {
    const work = (items: number[]) =>
      items.includes(13) ? Promise.reject(new Error('unlucky')) : Promise.resolve(items);
    const together = new Together(work, LIMITS);
    const settled = await Promise.allSettled([together.add(1), together.add(13), together.add(2)]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);

    let calls = 0;
    const away = new Together<number, number>(() => {
      calls += 1;
      return Promise.reject(new PurserError('unavailable'));
    }, LIMITS);
    const none = await Promise.allSettled([away.add(1), away.add(2)]);
    expect([calls, ...none.map(({ status }) => status)]).toEqual([1, 'rejected', 'rejected']);
  });

  it('is bounded: who comes when too many wait is told to come again', async () => {
    const steps = new Steps();
    const together = new Together(steps.work, { ...LIMITS, mostWaiting: 2 });
    const waiting = [together.add(1), together.add(2)];
    await expect(together.add(3)).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    await steps.end();
    expect(await Promise.all(waiting)).toEqual([2, 4]);
  });
});
