import { SourcePoller } from './poller.service.js';
import { SourceBench } from './sources.fixture.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let bench: SourceBench;
beforeEach(async () => void (bench = await SourceBench.open()));
afterEach(() => bench?.close());

describe('a source that cannot be believed', () => {
  it('is told of, asked again sooner and later, and never counts as nothing spent', async () => {
    bench.source.rows = { '2026-11-20 compute': '3' };
    await bench.poll();
    bench.source.failure = new Error('the books are in EUR, and Purser counts US dollars alone');
    await bench.later(HOUR);
    expect(await bench.alerts('cost_source_failed')).toEqual([]);
    expect(await bench.status()).toMatchObject({
      state: 'failing',
      error: 'the books are in EUR, and Purser counts US dollars alone',
      failures: 1,
      monthUsd: '3.00',
      lastSuccessAt: '2026-11-20T10:00:00.000Z',
    });
    for (let minutes = 0; minutes < 20; minutes++) await bench.later(MINUTE);
    expect(await bench.status()).toMatchObject({ failures: 3 });
    await bench.poll();
    expect(await bench.alerts('cost_source_failed')).toMatchObject([
      { title: expect.stringContaining('not known, and not zero: the books are in EUR') as string },
    ]);
    expect(await bench.cents()).toEqual(['reported 300']);
    bench.source.failure = undefined;
    await bench.later(HOUR);
    await bench.poll();
    expect(await bench.alerts('cost_source_recovered', 'info')).toHaveLength(1);
    expect(await bench.status()).toMatchObject({ state: 'ok', error: null, failures: 0, failingSince: null });
  });

  it('is told of at once when it never worked', async () => {
    bench.source.failure = new Error('no credentials were found');
    await bench.poll();
    await bench.poll();
    expect(await bench.alerts('cost_source_failed')).toHaveLength(1);
    expect(await bench.status()).toMatchObject({ state: 'failing', monthUsd: null, dataUpTo: null });
  });

  it('is stale when it has nothing new for longer than is usual, though it answers', async () => {
    bench.source.rows = { '2026-11-20 compute': '3' };
    await bench.poll();
    expect(await bench.status()).toMatchObject({ state: 'ok', dataUpTo: '2026-11-20T10:00:00.000Z' });
    for (let hours = 0; hours < 50; hours++) await bench.later(HOUR);
    expect(await bench.status()).toMatchObject({ state: 'stale', lastNewsAt: '2026-11-20T10:00:00.000Z', error: null });
    expect(await bench.alerts('cost_source_stale')).toHaveLength(1);
    bench.source.rows = { ...bench.source.rows, '2026-11-22 compute': '1' };
    await bench.later(HOUR);
    await bench.poll();
    expect(await bench.status()).toMatchObject({ state: 'ok' });
    expect(await bench.alerts('cost_source_recovered', 'info')).toHaveLength(1);
  });

  it('takes nothing back when all its rows are gone', async () => {
    bench.source.rows = { '2026-11-19 compute': '3' };
    await bench.poll();
    bench.source.rows = {};
    await bench.later(HOUR);
    expect(await bench.cents()).toEqual(['reported 300']);
    expect(await bench.status()).toMatchObject({
      state: 'failing',
      error: expect.stringContaining('no rows any more') as string,
    });
  });

  it.each([
    ['an amount that is none', { '2026-11-19 compute': 'free' }, 'costs.0.amountUsd'],
    ['no service', { '2026-11-19 ': '1' }, 'costs.0.service'],
  ])('is refused as a whole for %s', async (_what, rows, message) => {
    bench.source.rows = { '2026-11-18 good': '1', ...rows };
    await bench.poll();
    expect(await bench.entries()).toEqual([]);
    expect((await bench.status())?.error).toContain(message.replace('0', '1'));
  });
});

it('is asked at once when a person wants it', async () => {
  await bench.poll();
  await bench.later(MINUTE);
  expect(bench.source.asked).toHaveLength(1);
  await bench.watchdog.get(SourcePoller).hasten('books');
  await bench.poll();
  expect(bench.source.asked).toHaveLength(2);
  await expect(bench.watchdog.get(SourcePoller).hasten('book')).rejects.toThrow('there are books');
});

describe('several watchdogs', () => {
  it('ask once, and none of what is read twice counts twice', async () => {
    const other = await bench.another();
    bench.source.rows = { '2026-11-19 compute': '3' };
    await Promise.all([bench.poll(), bench.poll(other)]);
    expect(bench.source.asked).toHaveLength(1);
    bench.clock.advance(HOUR);
    bench.source.rows = { '2026-11-19 compute': '5' };
    await Promise.all([bench.poll(other), bench.poll()]);
    expect(bench.source.asked).toHaveLength(2);
    expect(await bench.cents()).toEqual(['reported 300', 'reported 200']);
  });

  it('take nothing from one whose turn went over to another', async () => {
    const other = await bench.another();
    bench.source.rows = { '2026-11-19 compute': '3' };
    let goOn: (() => void) | undefined;
    bench.source.before = () => new Promise((resolve) => (goOn = resolve));
    await bench.watchdog.get(SourcePoller).poll();
    while (!goOn) await new Promise((resolve) => setImmediate(resolve));
    const slow = goOn;
    bench.clock.advance(10 * MINUTE);
    bench.source.before = () => Promise.resolve();
    bench.source.rows = { '2026-11-19 compute': '4' };
    await bench.poll(other);
    bench.source.rows = { '2026-11-19 compute': '9' };
    slow();
    await bench.watchdog.get(SourcePoller).idle();
    expect(await bench.cents()).toEqual(['reported 400']);
  });

  it('go on at once where one that stops has given up', async () => {
    bench.source.before = (signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    const other = await bench.another();
    await other.get(SourcePoller).poll();
    while (bench.source.asked.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await other.close();
    bench.source.before = () => Promise.resolve();
    bench.source.rows = { '2026-11-19 compute': '4' };
    await bench.poll();
    expect(await bench.cents()).toEqual(['reported 400']);
    expect(await bench.status()).toMatchObject({ state: 'ok', failures: 0 });
  });
});
