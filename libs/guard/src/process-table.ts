import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface ProcessEntry {
  pid: number;
  ppid: number;
  pgid: number;
  /** With the pid it names one process for good, pids being reused. */
  startedAt: string;
}

/** How to see processes on one system. Synchronous, since it runs in the guard, which has nothing else to do. */
export interface ProcessTable {
  /** Living processes; the dead that nobody has reaped yet are left out. */
  list(): ProcessEntry[];
  /**
   * Whether each of `pids` was started with `marker` (`NAME=value`) in its environment. Left out where it cannot be
   * told: another user's process, or one that is just loading its program.
   */
  marked(pids: number[], marker: string): Map<number, boolean>;
  /** MiB in use by `pids` together. */
  memoryMb(pids: number[]): number;
}

/** Undefined when the process is gone or belongs to someone else. */
function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return undefined;
  }
}

/** A line of /proc/<pid>/stat; the name in parentheses may itself hold blanks and parentheses. */
export function parseStat(pid: number, stat: string): ProcessEntry | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, ppid, pgid] = fields;
  const startedAt = fields[19];
  if (startedAt === undefined || state === 'Z' || state === 'X') return undefined;
  return { pid, ppid: Number(ppid), pgid: Number(pgid), startedAt };
}

/** Proportional set size: pages shared by several processes count once in the sum. About 0.1 ms a process. */
function procMemoryKb(pid: number): number {
  const pss = /^Pss:\s+(\d+)/m.exec(readProc(pid, 'smaps_rollup') ?? '')?.[1];
  if (pss !== undefined) return Number(pss);
  return Number(/^VmRSS:\s+(\d+)/m.exec(readProc(pid, 'status') ?? '')?.[1] ?? 0);
}

export const procTable: ProcessTable = {
  list() {
    return readdirSync('/proc').flatMap((name) => {
      const pid = Number(name);
      if (!Number.isInteger(pid)) return [];
      const stat = readProc(pid, 'stat');
      return (stat === undefined ? undefined : parseStat(pid, stat)) ?? [];
    });
  },
  marked(pids, marker) {
    const known = new Map<number, boolean>();
    for (const pid of pids) {
      const environ = readProc(pid, 'environ');
      if (environ) known.set(pid, `\0${environ}`.includes(`\0${marker}\0`));
    }
    return known;
  },
  memoryMb(pids) {
    return pids.reduce((sum, pid) => sum + procMemoryKb(pid), 0) / 1024;
  },
};

/** Lines of `ps -axo pid=,ppid=,pgid=,stat=,lstart=`. */
export function parsePs(output: string): ProcessEntry[] {
  return output.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+)$/.exec(line);
    if (!match || match[4]!.startsWith('Z')) return [];
    return [{ pid: Number(match[1]), ppid: Number(match[2]), pgid: Number(match[3]), startedAt: match[5]!.trim() }];
  });
}

/** Lines of `ps -o pid=,command=` with environments shown. */
export function parseMarked(output: string, marker: string): Map<number, boolean> {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return new Map(lines.map((line) => [Number.parseInt(line, 10), line.split(/\s+/).includes(marker)]));
}

const ps = (...args: string[]): string =>
  execFileSync('/bin/ps', args, {
    encoding: 'utf8',
    timeout: 5000,
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'ignore'],
  });

/** For macOS, which shows the environment of other processes through `ps -E` only (and not of its own protected programs). */
export const psTable: ProcessTable = {
  list: () => parsePs(ps('-axo', 'pid=,ppid=,pgid=,stat=,lstart=')),
  marked(pids, marker) {
    return pids.length === 0 ? new Map() : parseMarked(ps('-axEww', '-o', 'pid=,command='), marker);
  },
  memoryMb(pids) {
    const wanted = new Set(pids);
    const lines = ps('-axo', 'pid=,rss=').split('\n');
    const kb = lines.map((line) => line.trim().split(/\s+/).map(Number));
    return kb.reduce((sum, [pid, rss]) => sum + (wanted.has(pid!) ? rss! : 0), 0) / 1024;
  },
};

export const processTable: ProcessTable = process.platform === 'linux' ? procTable : psTable;
