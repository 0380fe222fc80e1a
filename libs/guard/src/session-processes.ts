import { setTimeout as delay } from 'node:timers/promises';
import type { RunAs } from './guard-protocol.ts';
import { processTable, type ProcessEntry, type ProcessTable } from './process-table.ts';

export interface SessionProcessesOptions {
  sessionId: string;
  /** The guard itself, which is no part of the session though its children are. */
  guardPid: number;
  runAs?: RunAs;
  /** In a PID namespace of its own, every process that is visible is the session's. */
  isolated: boolean;
  table?: ProcessTable;
}

const identity = (entry: ProcessEntry) => `${entry.pid} ${entry.startedAt}`;

/**
 * Finds every process of a session: descendants, members of the program's process group, whatever carries the
 * session's id in its environment, and the descendants of all those. What was once found stays known, also when it
 * leaves its group and its parent.
 */
export class SessionProcesses {
  private readonly options: SessionProcessesOptions;
  private readonly table: ProcessTable;
  private members = new Set<string>();
  /** Told apart once: nothing outside the session gets its id into its environment later. */
  private strangers = new Set<string>();
  /** The process group that the program leads. */
  programPid: number | undefined;

  constructor(options: SessionProcessesOptions) {
    this.options = options;
    this.table = options.table ?? processTable;
  }

  /** Lowest first, so that (until pids wrap around) a parent hears of a signal before its children. */
  find(): number[] {
    const { guardPid, isolated } = this.options;
    const entries = this.table.list().filter((entry) => entry.pid !== guardPid);
    if (isolated) return entries.map((entry) => entry.pid).filter((pid) => pid !== 1);
    const marked = this.findMarked(entries);
    const found = entries.filter(
      (entry) =>
        entry.ppid === guardPid ||
        entry.pgid === this.programPid ||
        marked.get(entry.pid) === true ||
        this.members.has(identity(entry)),
    );
    const pids = this.withDescendants(entries, new Set(found.map((entry) => entry.pid)));
    const own = entries.filter((entry) => pids.has(entry.pid));
    this.members = new Set(own.map(identity));
    const strange = (entry: ProcessEntry) => this.strangers.has(identity(entry)) || marked.get(entry.pid) === false;
    this.strangers = new Set(entries.filter((entry) => !pids.has(entry.pid) && strange(entry)).map(identity));
    return own.map((entry) => entry.pid).sort((a, b) => a - b);
  }

  memoryMb(): number {
    return this.table.memoryMb(this.find());
  }

  signal(name: 'SIGTERM' | 'SIGSTOP' | 'SIGKILL'): number {
    const pids = this.find();
    for (const pid of pids) {
      try {
        process.kill(pid, name);
      } catch {
        // Gone since the look, or not ours to signal: then it shows in the next look.
      }
    }
    return pids.length;
  }

  /** Until none is left; the number left after `timeoutMs` otherwise. Stopped first, so that nothing forks away meanwhile. */
  async killAll(timeoutMs: number): Promise<number> {
    const deadline = Date.now() + timeoutMs;
    for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 100)) {
      const left = this.killFound();
      if (left === 0 || Date.now() >= deadline) return left;
      await delay(waitMs);
    }
  }

  private killFound(): number {
    try {
      return this.signal('SIGSTOP') === 0 ? 0 : this.signal('SIGKILL');
    } catch {
      // The table could not be read (no process or file handle left for it): the group can be killed all the same.
      if (this.programPid !== undefined) killGroup(this.programPid);
      return 1;
    }
  }

  private findMarked(entries: ProcessEntry[]): Map<number, boolean> {
    const unknown = entries.filter((entry) => {
      const name = identity(entry);
      return !this.strangers.has(name) && !this.members.has(name);
    });
    const pids = unknown.map((entry) => entry.pid);
    return this.asProgramUser(() => this.table.marked(pids, `PURSER_SESSION_ID=${this.options.sessionId}`));
  }

  /** In a container root may lack the right to read the environment of another user's processes; that user has it. */
  private asProgramUser<T>(look: () => T): T {
    const { runAs } = this.options;
    if (!runAs || process.geteuid?.() !== 0) return look();
    return asUser(runAs, look);
  }

  private withDescendants(entries: ProcessEntry[], pids: Set<number>): Set<number> {
    for (let before = -1; before !== pids.size;) {
      before = pids.size;
      for (const entry of entries) if (pids.has(entry.ppid)) pids.add(entry.pid);
    }
    return pids;
  }
}

/** No error when it is gone. */
export function killGroup(pgid: number): void {
  try {
    process.kill(-pgid, 'SIGKILL');
  } catch {
    // Nothing is left of it.
  }
}

/** Does `look` with the rights of another user. For the guard alone: these rights are the whole process's. */
export function asUser<T>(user: RunAs, look: () => T): T {
  process.setegid!(user.gid);
  try {
    process.seteuid!(user.uid);
    return look();
  } finally {
    process.seteuid!(0);
    process.setegid!(0);
  }
}
