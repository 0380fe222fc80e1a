import { throwIfEnded } from '@purser/plugin-sdk';
import { AttemptSignal } from './attempt-signal.js';
import { Cancellation } from './cancellation.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  signal.end();
  jest.useRealTimers();
});

const IDLE_MS = 100;
const TOTAL_MS = 10_000;
let outer: Cancellation;
let signal: AttemptSignal;
beforeEach(() => {
  outer = new Cancellation((error) => {
    throw error;
  });
  signal = new AttemptSignal(outer, { totalMs: TOTAL_MS, idleMs: IDLE_MS });
});

const pass = (ms: number) => jest.advanceTimersByTime(ms);
const ended = () => {
  try {
    signal.throwIfAborted();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
};
const SILENT = 'nothing came from the provider for 0.1 s';

describe('the silence of a provider', () => {
  it('ends an attempt of which nothing comes', () => {
    signal.listen();
    pass(IDLE_MS - 1);
    expect(ended()).toBeUndefined();
    pass(1);
    expect(ended()).toBe(SILENT);
    expect(signal.cancelled).toBe(false);
  });

  it('does not end one of which something comes now and then, and then one that falls silent', () => {
    signal.listen();
    for (let piece = 0; piece < 10; piece++) {
      pass(IDLE_MS - 10);
      signal.listen();
    }
    pass(IDLE_MS - 1);
    expect(ended()).toBeUndefined();
    pass(1);
    expect(ended()).toBe(SILENT);
  });

  it('is not counted while the client is waited for, and is counted anew after that', () => {
    signal.listen();
    pass(IDLE_MS / 2);
    signal.pause();
    pass(IDLE_MS * 5);
    expect(ended()).toBeUndefined();
    signal.listen();
    pass(IDLE_MS - 1);
    expect(ended()).toBeUndefined();
    pass(1);
    expect(ended()).toBe(SILENT);
  });

  it('is counted from the last piece when the client was waited for only for a moment', () => {
    signal.listen();
    signal.pause();
    pass(IDLE_MS / 2);
    signal.listen();
    pass(IDLE_MS - 1);
    expect(ended()).toBeUndefined();
    pass(1);
    expect(ended()).toBe(SILENT);
  });

  it('is no matter once the attempt is over', () => {
    signal.listen();
    signal.end({ whole: true });
    signal.listen();
    pass(TOTAL_MS);
    expect([ended(), jest.getTimerCount()]).toEqual([undefined, 0]);
  });
});

it('ends an attempt after the whole time, whatever comes of it', () => {
  for (let at = 0; at < TOTAL_MS; at += 50) {
    expect(ended()).toBeUndefined();
    signal.listen();
    pass(50);
  }
  expect(ended()).toBe('nothing came from the provider for 10 s');
});

describe('the options of a call', () => {
  const gone = new Error('gone');

  it('end with the call, and a copy of them does', () => {
    const { options } = signal;
    const copy = { ...options };
    outer.abort(gone);
    for (const one of [options, copy]) {
      expect(() => throwIfEnded(one)).toThrow(gone);
      expect(one.signal.reason).toBe(gone);
    }
  });

  it('end by a narrower signal where a plugin gives them one', () => {
    const narrower = new AbortController();
    const { options } = signal;
    const copy = { ...options, signal: AbortSignal.any([options.signal, narrower.signal]) };
    expect(() => throwIfEnded(copy)).not.toThrow();
    narrower.abort(new Error('too slow for me'));
    expect(() => throwIfEnded(copy)).toThrow('too slow for me');
    expect(() => throwIfEnded(options)).not.toThrow();
  });
});
