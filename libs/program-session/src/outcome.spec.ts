import type { ProgramEnd } from '@purser/guard';
import { outcome, type Circumstances } from './outcome.js';

const plain: Circumstances = {
  argv0: 'agent',
  user: undefined,
  wrap: undefined,
  graceMs: undefined,
  killed: undefined,
  result: undefined,
  stdoutTail: 'said\n',
  stderrTail: '',
};
const exit = (code: number): ProgramEnd => ({ kind: 'exited', code, signal: null });
const signal = (name: string): ProgramEnd => ({ kind: 'exited', code: null, signal: name });
const failed = (code: string, message: unknown = expect.any(String)) => ({ kind: 'failed', error: { code, message } });

describe('how the end of a program is understood', () => {
  it.each<[ProgramEnd, Partial<Circumstances>, unknown]>([
    [exit(0), {}, { kind: 'completed', result: { exitCode: 0, output: 'said\n' } }],
    [exit(0), { result: { value: null } }, { kind: 'completed', result: null }],
    [exit(0), { wrap: 'time' }, { kind: 'completed', result: { exitCode: 0, output: 'said\n' } }],
    [exit(75), {}, { kind: 'continue', reason: 'the program asked for a fresh session (exit 75)' }],
    [exit(75), { wrap: 'time' }, { kind: 'continue', reason: 'time; it ended with exit code 75' }],
    [exit(130), { wrap: 'time' }, { kind: 'continue', reason: 'time; it ended with exit code 130' }],
    [exit(1), { wrap: 'time' }, { kind: 'continue', reason: 'time; it ended with exit code 1' }],
    [signal('SIGTERM'), { wrap: 'time' }, { kind: 'continue', reason: 'time; it ended with SIGTERM' }],
    [
      signal('SIGKILL'),
      { wrap: 'time', graceMs: 10_000 },
      { kind: 'continue', reason: 'time; it did not end within 10000 ms and was killed' },
    ],
    [signal('SIGKILL'), { killed: 'emergency' }, { kind: 'continue', reason: 'stopped: emergency' }],
    [signal('SIGKILL'), {}, failed('signal_SIGKILL', '"agent" was ended by SIGKILL (often for want of memory)')],
    [exit(2), { stderrTail: 'a\nb\nc\nd\ne\nf\n' }, failed('exit_2', '"agent" ended with exit code 2: b\nc\nd\ne\nf')],
    [exit(143), {}, failed('exit_143')],
    [{ kind: 'guard_lost', detail: 'SIGKILL' }, {}, failed('guard_lost')],
    [
      { kind: 'guard_lost', detail: 'SIGKILL' },
      { killed: 'emergency' },
      { kind: 'continue', reason: 'stopped: emergency' },
    ],
  ])('%j with %j', (end, circumstances, expected) => {
    expect(outcome(end, { ...plain, ...circumstances })).toEqual(expected);
  });

  it.each([
    ['ENOENT', 'agent', 'not_found'],
    ['EACCES', 'agent', 'not_found'],
    ['EACCES', './agent', 'not_executable'],
    ['UNREACHABLE', 'agent', 'unreachable_folder'],
    ['E2BIG', 'agent', 'input_too_big'],
    ['EAGAIN', 'agent', 'not_started'],
  ])('not started for %s: %s is %s', (code, argv0, expected) => {
    const end: ProgramEnd = { kind: 'unstarted', code, message: 'spawn failed', folder: '/root' };
    expect(outcome(end, { ...plain, argv0, user: 'nobody', wrap: 'time' })).toEqual(failed(expected));
  });
});
