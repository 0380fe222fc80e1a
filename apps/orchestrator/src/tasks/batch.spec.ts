import fc from 'fast-check';
import { MAX_BATCH } from '@purser/contracts';
import { readBatch, severalIn } from './batch.js';
import { storingOrder } from './batch-order.js';

const work = (id: string, more: object = {}) => ({ id, executor: 'command', input: {}, ...more });
const after = (id: string, ...dependsOn: string[]) => work(id, { dependsOn });
const read = async (...items: unknown[]) => {
  const { fit, refused } = await readBatch(items);
  return {
    order: fit.map(({ task }) => task.id),
    refused: refused.map(({ index, id, error }) => ({ index, id, message: error.message })),
  };
};

describe('a message with several tasks', () => {
  it.each([
    ['[{"id": "a"}, 7]', [{ id: 'a' }, 7]],
    ['[]', []],
    ['{"specversion": "1.0", "data": [{"id": "a"}]}', [{ id: 'a' }]],
    ['{"id": "a"}\n\n{"id": \n{"id": "c"}\r\n', ['{"id": "a"}', '{"id": ', '{"id": "c"}\r']],
    ['{"id": "a"}', undefined],
    ['{"specversion": "1.0", "data": {"id": "a"}}', undefined],
    ['{\n  "id": "a",\n  oops\n}', undefined],
    ['no\njson', undefined],
    ['', undefined],
  ])('%j holds %j', (raw, items) => {
    expect(severalIn(raw)).toEqual(items);
  });
});

describe('a batch', () => {
  it('is read item by item, as objects, events or texts; what is wrong is refused by itself', async () => {
    const event = { specversion: '1.0', id: 'e', source: 's', type: 't', data: work('b') };
    const { order, refused } = await read(
      work('a'),
      event,
      JSON.stringify(work('c')),
      '{"id":',
      7,
      null,
      work('d', { no: 1 }),
    );
    expect(order).toEqual(['a', 'b', 'c']);
    expect(refused).toEqual([
      { index: 3, id: undefined, message: expect.stringContaining('not JSON') as string },
      { index: 4, id: undefined, message: expect.stringContaining('expected object') as string },
      { index: 5, id: undefined, message: expect.stringContaining('expected object') as string },
      { index: 6, id: 'd', message: expect.stringContaining('"no"') as string },
    ]);
  });

  it('is put into the order in which it can be stored, else left as it is', async () => {
    const { order } = await read(
      after('c', 'b', 'x'),
      work('z'),
      after('b', 'a'),
      work('a'),
      work('p', { parent: 'q' }),
      work('q'),
    );
    expect(order).toEqual(['a', 'b', 'c', 'z', 'q', 'p']);
  });

  it('may not go round in a circle, which is named', async () => {
    const { order, refused } = await read(
      after('a', 'b'),
      after('b', 'c'),
      after('c', 'a'),
      after('d', 'a'),
      work('e'),
    );
    expect(order).toEqual(['d', 'e']);
    expect(refused).toEqual([
      { index: 0, id: 'a', message: 'dependsOn: waits for itself: a -> b -> c -> a' },
      { index: 1, id: 'b', message: 'dependsOn: waits for itself: b -> c -> a -> b' },
      { index: 2, id: 'c', message: 'dependsOn: waits for itself: c -> a -> b -> c' },
    ]);
    expect((await read(work('a', { dependsOn: ['b'] }), work('b', { parent: 'a' }))).refused).toHaveLength(2);
  });

  it('may be one long chain, given from its end; and a long circle is not written out', async () => {
    const chain = Array.from({ length: MAX_BATCH }, (_, n) =>
      n === MAX_BATCH - 1 ? work(`t${n}`) : after(`t${n}`, `t${n + 1}`),
    );
    expect((await read(...chain)).order.at(-1)).toBe('t0');
    chain[MAX_BATCH - 1] = after(`t${MAX_BATCH - 1}`, 't0');
    const { refused } = await read(...chain);
    expect(refused).toHaveLength(MAX_BATCH);
    expect(refused[0]?.message).toMatch(/t0 -> t1 -> .*9991 more.* -> t9999 -> t0$/);
  });

  it('is bounded', async () => {
    await expect(readBatch([])).rejects.toThrow('tasks: 0 at once; give 1 to 10000');
    await expect(readBatch(Array.from({ length: MAX_BATCH + 1 }, () => 7))).rejects.toThrow('10001 at once');
  });

  it('has every task in the order or in a circle, once, and nothing before what it needs', () => {
    const tasks = fc.array(
      fc.record({ id: fc.nat(12).map(String), needs: fc.array(fc.nat(14).map(String), { maxLength: 3 }) }),
    );
    fc.assert(
      fc.property(tasks, (all) => {
        const { ordered, circles } = storingOrder(all);
        expect(new Set([...ordered, ...circles.keys()])).toEqual(new Set(all));
        expect(ordered.length + circles.size).toBe(all.length);
        const first = new Map(all.map((task) => [task.id, task]).reverse() as [string, (typeof all)[number]][]);
        ordered.forEach((task, place) => {
          for (const need of task.needs) {
            const needed = first.get(need);
            if (needed && !circles.has(needed)) expect(ordered.indexOf(needed)).toBeLessThan(place);
          }
        });
        for (const [task, circle] of circles) {
          expect([circle[0], circle.at(-1)]).toEqual([task.id, task.id]);
          circle.slice(1).forEach((id, at) => expect(first.get(circle[at] ?? '')?.needs).toContain(id));
        }
      }),
    );
  });
});
