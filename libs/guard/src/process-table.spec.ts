import { parseMarked, parsePs, parseStat, type ProcessEntry, type ProcessTable } from './process-table.js';
import { SessionProcesses } from './session-processes.js';

describe('reading what the system says of processes', () => {
  const stat = (state: string) =>
    `42 (a) b (c) ${state} 7 40 39 0 -1 4194304 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 200 18446744073709551615`;

  it('parses /proc/<pid>/stat, whatever the name of the program', () => {
    expect(parseStat(42, stat('S'))).toEqual({ pid: 42, ppid: 7, pgid: 40, startedAt: '987654' });
  });

  it('leaves out the dead', () => {
    expect(parseStat(42, stat('Z'))).toBeUndefined();
    expect(parseStat(42, '')).toBeUndefined();
  });

  it('parses the lists of ps on macOS', () => {
    const list = '  501     1   501 Ss   Mon Nov 23 10:00:00 2026\n  502   501   501 Z+   Mon Nov 23 10:00:01 2026\n';
    expect(parsePs(list)).toEqual([{ pid: 501, ppid: 1, pgid: 501, startedAt: 'Mon Nov 23 10:00:00 2026' }]);
    const environments = '  501 sh -c x PURSER_SESSION_ID=s1 A=1\n  502 sh PURSER_SESSION_ID=s10\n';
    expect([...parseMarked(environments, 'PURSER_SESSION_ID=s1')]).toEqual([
      [501, true],
      [502, false],
    ]);
  });
});

describe('finding the processes of a session', () => {
  const entry = (pid: number, ppid: number, pgid: number): ProcessEntry => ({
    pid,
    ppid,
    pgid,
    startedAt: `at ${pid}`,
  });

  function find(entries: ProcessEntry[], marked: Record<number, boolean> = {}) {
    const state = { entries, marked };
    const table: ProcessTable = {
      list: () => state.entries,
      marked: (pids) => new Map(pids.flatMap((pid) => (pid in state.marked ? [[pid, state.marked[pid]!]] : []))),
      memoryMb: () => 0,
    };
    const session = new SessionProcesses({ sessionId: 's1', guardPid: 10, isolated: false, table });
    session.programPid = 11;
    return { state, session };
  }

  it('takes descendants, the group, the marked and their descendants', () => {
    const { session } = find(
      [
        entry(1, 0, 1),
        entry(10, 1, 10),
        entry(11, 10, 11),
        entry(12, 11, 12),
        entry(13, 1, 11),
        entry(14, 1, 14),
        entry(15, 14, 15),
        entry(16, 1, 16),
      ],
      { 14: true, 16: false },
    );
    expect(session.find()).toEqual([11, 12, 13, 14, 15]);
  });

  it('still knows what has left its parent and its group since', () => {
    const { session, state } = find([entry(11, 10, 11), entry(12, 11, 11)]);
    session.find();
    state.entries = [entry(12, 1, 12), { ...entry(11, 1, 99), startedAt: 'a later process with the same pid' }];
    expect(session.find()).toEqual([12]);
  });

  it('looks again at what could not be told', () => {
    const { session, state } = find([entry(20, 1, 20), entry(21, 1, 21)], { 21: false });
    expect(session.find()).toEqual([]);
    state.marked = { 20: true };
    expect(session.find()).toEqual([20]);
  });
});
