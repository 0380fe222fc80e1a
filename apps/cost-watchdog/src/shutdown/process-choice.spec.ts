import type { RunningProgram } from '@purser/guard';
import { chooseProcesses, spared } from './process-choice.js';
import { containerIdIn } from './own-container.js';
import { namePattern } from './name-pattern.js';

const program = (pid: number, ppid: number, ...argv: string[]): RunningProgram => ({
  pid,
  ppid,
  pgid: pid,
  startedAt: String(pid),
  argv,
});

/** The watchdog is 100, started by a shell, 50; a runner of the same machine is 200 with an agent, 201. */
const ALL = [
  program(1, 0, '/sbin/init'),
  program(50, 1, '-bash'),
  program(100, 50, 'node', '/opt/purser/apps/cost-watchdog/dist/main.js'),
  program(101, 100, '/usr/bin/postgres', '-D', 'data'),
  program(200, 50, '/usr/bin/node', 'apps/agent-runner/dist/main.js'),
  program(201, 200, 'python3', '/srv/train.py'),
  program(300, 1, 'python3.12', '-u', '/srv/train.py', '--epochs', '9'),
  program(301, 300, 'python3.12', '-u', '/srv/train.py', '--worker'),
  program(400, 1, '/usr/bin/postgres', '-D', '/srv/data'),
  program(500, 1, 'vim', 'train.py'),
];

const chosen = (stop: string[], protect: string[] = []) =>
  chooseProcesses(ALL, { stop, protect, graceSeconds: 1 }, 100).map(({ program: { pid }, verdict }) => [pid, verdict]);

describe('choosing programs', () => {
  it('goes by the name of a program, or of the script that an interpreter runs, and takes the topmost', () => {
    expect(chosen(['train.py'])).toEqual([[300, 'stop']]);
    expect(chosen(['train*'])).toEqual([[300, 'stop']]);
    expect(chosen(['vim'])).toEqual([[500, 'stop']]);
  });

  it('leaves alone all of Purser, what started it, and what a runner looks after', () => {
    expect(chosen(['node', 'bash', 'init', 'python3'])).toEqual([]);
    expect(chosen(['postgres'])).toEqual([[400, 'stop']]);
  });

  it('lets protection win', () => {
    expect(chosen(['*'], ['postgres', 'vim'])).toEqual([
      [300, 'stop'],
      [400, 'protected'],
      [500, 'protected'],
    ]);
    const kept = chooseProcesses(ALL, { stop: ['*'], protect: ['vim'], graceSeconds: 1 }, 100);
    expect([...spared(ALL, kept, 100)].sort((a, b) => a - b)).toEqual([1, 50, 100, 101, 200, 201, 500]);
  });
});

it('takes no character of a pattern but * for anything special', () => {
  const matches = namePattern(['a.b*', '[x]']);
  expect(['a.b', 'a.bc', 'axb', '[x]', 'x'].map(matches)).toEqual([true, true, false, true, false]);
  expect(namePattern([])('')).toBe(false);
});

it('reads the id of its own container from what Docker mounts into it', () => {
  const id = 'f0'.repeat(32);
  const line = `600 590 254:1 /var/lib/docker/containers/${id}/hostname /etc/hostname rw - ext4 /dev/vda1 rw`;
  expect(containerIdIn(`1 0 0:1 / / rw\n${line}\n`)).toBe(id);
  expect(containerIdIn('1 0 0:1 / / rw\n')).toBeUndefined();
});
