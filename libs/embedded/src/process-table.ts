import { execFile } from 'node:child_process';
import { readdir, readFile, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ProcessEntry {
  pid: number;
  ppid: number;
  uid: number;
  /** Program and arguments joined by blanks; empty for a zombie. */
  command: string;
}

async function readProc(pid: number): Promise<ProcessEntry | undefined> {
  try {
    const [cmdline, statLine, folder] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readFile(`/proc/${pid}/stat`, 'utf8'),
      stat(`/proc/${pid}`),
    ]);
    // The name in brackets may hold blanks and brackets itself, so the fields are counted from its end.
    const [, ppid] = statLine.slice(statLine.lastIndexOf(')') + 2).split(' ');
    return {
      pid,
      ppid: Number(ppid),
      uid: folder.uid,
      command: cmdline.replace(/\0+$/, '').replaceAll('\0', ' '),
    };
  } catch {
    return undefined; // It ended while we looked.
  }
}

async function readPs(selection: string[]): Promise<ProcessEntry[]> {
  const { stdout } = await run('ps', [...selection, '-ww', '-o', 'pid=,ppid=,uid=,command='], {
    timeout: 5_000,
    maxBuffer: 16 * 1024 * 1024,
  }).catch((error: unknown) => {
    // ps exits 1 when the selection matches nothing.
    if ((error as { code?: unknown }).code === 1) return { stdout: '' };
    throw error;
  });
  return stdout.split('\n').flatMap((line) => {
    const match = /^\s*(\d+)\s+(\d+)\s+(-?\d+)\s+(.*)$/.exec(line);
    return match
      ? [{ pid: Number(match[1]), ppid: Number(match[2]), uid: Number(match[3]), command: match[4] ?? '' }]
      : [];
  });
}

/** All processes that this user can see: from /proc on Linux, from ps elsewhere. */
export async function listProcesses(): Promise<ProcessEntry[]> {
  if (process.platform !== 'linux') return readPs(['-ax']);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return (await Promise.all(pids.map(readProc))).filter((entry) => entry !== undefined);
}

export async function findProcess(pid: number): Promise<ProcessEntry | undefined> {
  return process.platform === 'linux' ? readProc(pid) : (await readPs(['-p', String(pid)]))[0];
}

export interface EndStep {
  signal: NodeJS.Signals;
  waitMs: number;
}

/**
 * Ends a process that is not our child: signal by signal, until it is gone.
 * `isIt` is asked again before each signal, since the kernel may have given the pid to another process meanwhile.
 * @returns whether it is gone
 */
export async function endProcess(
  pid: number,
  isIt: (entry: ProcessEntry) => boolean,
  steps: readonly EndStep[],
): Promise<boolean> {
  const gone = async (): Promise<boolean> => {
    const entry = await findProcess(pid);
    return entry === undefined || !isIt(entry);
  };
  for (const { signal, waitMs } of steps) {
    if (await gone()) return true;
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
    for (const deadline = Date.now() + waitMs; Date.now() < deadline;) {
      if (await gone()) return true;
      await delay(25);
    }
  }
  return gone();
}
