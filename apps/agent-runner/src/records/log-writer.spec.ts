import { PurserError } from '@purser/contracts';
import { LogWriter, type LogWriterOptions } from './log-writer.js';
import type { NewLine } from './logs.repository.js';

let stored: NewLine[];
let failures: Error[];
let reports: string[];
let stale: number;

beforeEach(() => {
  jest.useFakeTimers();
  stored = [];
  failures = [];
  reports = [];
  stale = 0;
});

const open = (options: Partial<LogWriterOptions> = {}) =>
  new LogWriter({
    sink: {
      append: (lines) => {
        const failure = failures.shift();
        if (failure) return Promise.reject(failure);
        stored.push(...lines);
        return Promise.resolve();
      },
      trim: () => Promise.resolve(0),
    },
    lastSeq: 7,
    now: () => new Date(0),
    onStale: () => (stale += 1),
    report: (_error, message) => reports.push(message),
    boundsInWords: '10 lines',
    ...options,
  });

const texts = () => stored.map(({ text }) => text);
const away = () => new PurserError('unavailable');

it('stores lines together after a moment, numbered on from the last session', async () => {
  const log = open();
  void log.line('stdout', 'one');
  void log.line('stderr', 'two\0');
  await jest.advanceTimersByTimeAsync(150);
  expect(stored).toEqual([]);
  await jest.advanceTimersByTimeAsync(100);
  expect(stored.map(({ seq, stream, text }) => [seq, stream, text])).toEqual([
    [8, 'stdout', 'one'],
    [9, 'stderr', 'two\uFFFD'],
  ]);
  await log.close(1_000);
});

it('stores at once when many lines came', async () => {
  const log = open();
  for (let n = 0; n < 100; n += 1) void log.line('stdout', String(n));
  await jest.advanceTimersByTimeAsync(1);
  expect(stored).toHaveLength(100);
  await log.close(1_000);
});

it('sends a batch again with the same numbers while the database is away', async () => {
  const log = open();
  failures = [away(), away()];
  void log.line('stdout', 'kept');
  await jest.advanceTimersByTimeAsync(2_000);
  expect(stored.map(({ seq }) => seq)).toEqual([8]);
  await log.close(1_000);
});

it('holds up the program when the queue is full, then drops and counts, and says how many', async () => {
  const log = open({ queueLines: 3, patienceMs: 5_000 });
  failures = Array.from({ length: 10 }, away);
  expect(log.line('stdout', 'a')).toBeUndefined();
  expect(log.line('stdout', 'b')).toBeUndefined();
  let waited = false;
  const held = Promise.resolve(log.line('stdout', 'c')).then(() => (waited = true));
  await jest.advanceTimersByTimeAsync(4_900);
  expect(waited).toBe(false);
  await jest.advanceTimersByTimeAsync(200);
  await held;
  expect(log.line('stdout', 'd')).toBeUndefined();
  expect(log.line('stdout', 'e')).toBeUndefined();
  await jest.advanceTimersByTimeAsync(10_000);
  expect(texts()).toEqual(['a', 'b', 'c', '2 log lines were dropped: the database could not take them in time']);
  await log.close(1_000);
});

it('lets the program go on as soon as there is room', async () => {
  const log = open({ queueLines: 2 });
  void log.line('stdout', 'a');
  const held = log.line('stdout', 'b');
  expect(held).toBeInstanceOf(Promise);
  await jest.advanceTimersByTimeAsync(250);
  await held;
  expect(log.line('stdout', 'c')).toBeUndefined();
  await log.close(1_000);
  expect(texts()).toEqual(['a', 'b', 'c']);
});

it('stops for good when a newer session owns the task', async () => {
  const log = open();
  failures = [new PurserError('stale_epoch')];
  void log.line('stdout', 'late');
  await jest.advanceTimersByTimeAsync(300);
  expect(stale).toBe(1);
  void log.line('stdout', 'later');
  await log.close(1_000);
  expect(stored).toEqual([]);
});

it('stores what is left at the end, but no longer than it may', async () => {
  const log = open();
  void log.line('stdout', 'last');
  await log.close(1_000);
  expect(texts()).toEqual(['last']);

  const cut = open();
  failures = Array.from({ length: 99 }, away);
  void cut.line('stdout', 'lost');
  const closed = cut.close(1_000);
  await jest.advanceTimersByTimeAsync(2_500);
  await closed;
  expect(reports).toEqual(['the last 1 log lines of a session could not be stored in time']);
});

it('says once that old lines were removed', async () => {
  const log = open({
    sink: { append: (lines) => Promise.resolve(void stored.push(...lines)), trim: () => Promise.resolve(3) },
  });
  void log.line('stdout', 'one');
  await log.close(1_000);
  expect(texts()).toEqual(['one', 'older log lines were removed: a task keeps its last 10 lines']);
});

it('keeps the last 40 lines for the handoff', async () => {
  const log = open();
  for (let n = 1; n <= 50; n += 1) void log.line('stdout', `line ${n}`);
  expect(log.tail).toHaveLength(40);
  expect(log.tail.at(-1)).toBe('stdout: line 50');
  await log.close(1_000);
});
