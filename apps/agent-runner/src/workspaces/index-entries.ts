import type { OpenWorkTree } from './open-work-tree.js';

const SUBMODULE = /^160000 ([0-9a-f]+) /;
/** In which others are not looked into; nobody waits for more of them. */
const MOST_LOOKED_AT = 50;
const LOOK_MS = 3_000;
/** As git itself refuses them, but not when it reads an index that somebody else wrote. */
const NOT_BELOW = /^$|^\.{1,2}$|^\.git$/i;

export interface Submodule {
  path: string;
  /** That the work tree's own commit names. */
  commit: string;
}

/**
 * The submodules in a repository's index. Rejects when a path in it leads elsewhere: git reads what is there,
 * and adds it.
 */
export async function submodulesOf(tree: OpenWorkTree): Promise<Submodule[]> {
  const submodules: Submodule[] = [];
  for (const entry of (await tree.git('ls-files', '--stage', '-z')).split('\0')) {
    if (entry === '') continue;
    const path = entry.slice(entry.indexOf('\t') + 1);
    if (path.split('/').some((name) => NOT_BELOW.test(name)))
      throw new Error(`its index has a path that is not allowed: ${path}`);
    const commit = SUBMODULE.exec(entry)?.[1];
    if (commit !== undefined) submodules.push({ path, commit });
  }
  return submodules;
}

/**
 * The paths of those that are at another commit by now. Git is asked for that commit alone, which starts no program, and
 * nothing else of what it says is taken; of what it does not say in time nothing is known.
 */
export async function movedOn(tree: OpenWorkTree, submodules: readonly Submodule[]): Promise<string[]> {
  const until = performance.now() + LOOK_MS;
  const moved: string[] = [];
  for (const { path, commit } of submodules.slice(0, MOST_LOOKED_AT)) {
    if (performance.now() >= until) break;
    const head = await tree.headOf(path, until - performance.now()).catch(() => undefined);
    if (head !== undefined && head !== commit) moved.push(path);
  }
  return moved;
}
