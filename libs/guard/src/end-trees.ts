import { setTimeout as delay } from 'node:timers/promises';
import { type ProcessEntry, type ProcessTable, processTable } from './process-table.js';

export interface EndTreesOptions {
  /** Between SIGTERM and SIGKILL. */
  graceMs: number;
  /** How long it is tried to kill. */
  killMs?: number;
  /** Never touched. */
  spare?: ReadonlySet<number>;
  table?: ProcessTable;
}

export type TreeEnd = 'stopped' | 'killed' | 'alive';

const LOOK_MS = 20;

const identity = (entry: ProcessEntry): string => `${entry.pid} ${entry.startedAt}`;

/** A root with all that is below it; what was once found stays known when it leaves its group and its parent. */
class Tree {
  private readonly members = new Set<string>();
  private readonly root: ProcessEntry;
  forced = false;

  constructor(root: ProcessEntry) {
    this.root = root;
    this.members.add(identity(root));
  }

  living(entries: readonly ProcessEntry[], spare: ReadonlySet<number>): ProcessEntry[] {
    const { pid } = this.root;
    const touchable = entries.filter((entry) => !spare.has(entry.pid));
    const known = touchable.filter((entry) => this.members.has(identity(entry)) || entry.pgid === pid);
    const pids = new Set(known.map((entry) => entry.pid));
    for (let before = -1; before !== pids.size;) {
      before = pids.size;
      for (const entry of touchable) if (pids.has(entry.ppid)) pids.add(entry.pid);
    }
    const found = touchable.filter((entry) => pids.has(entry.pid));
    for (const entry of found) this.members.add(identity(entry));
    return found;
  }
}

/**
 * Ends processes that are not ours and all that they started, also what changed its group: SIGTERM, and after the grace
 * period SIGKILL, until nothing is left. Before it is killed all is stopped, so that nothing forks away meanwhile.
 */
export async function endTrees(
  roots: readonly ProcessEntry[],
  { graceMs, killMs = 4_000, spare = new Set(), table = processTable }: EndTreesOptions,
): Promise<TreeEnd[]> {
  const trees = roots.map((root) => new Tree(root));
  const look = (): ProcessEntry[][] => {
    const entries = table.list();
    return trees.map((tree) => tree.living(entries, spare));
  };
  const asked = new Set<string>();
  const graceEnds = Date.now() + graceMs;
  for (let left = look().flat(); left.length > 0; left = look().flat()) {
    for (const entry of left) if (!asked.has(identity(entry))) signal(entry, 'SIGTERM');
    for (const entry of left) asked.add(identity(entry));
    if (Date.now() >= graceEnds) break;
    await delay(Math.min(LOOK_MS, Math.max(1, graceEnds - Date.now())));
  }
  const killEnds = Date.now() + killMs;
  for (;;) {
    const left = look();
    for (const [index, tree] of trees.entries()) if (left[index]!.length > 0) tree.forced = true;
    const all = left.flat();
    if (all.length === 0 || Date.now() >= killEnds)
      return trees.map((tree, index) => (left[index]!.length > 0 ? 'alive' : tree.forced ? 'killed' : 'stopped'));
    for (const entry of all) signal(entry, 'SIGSTOP');
    for (const entry of look().flat()) signal(entry, 'SIGKILL');
    await delay(LOOK_MS);
  }
}

function signal({ pid }: ProcessEntry, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // Gone since the look, or not ours to signal: then it shows in the next look.
  }
}
