import type { OpenWorkTree } from './open-work-tree.js';

const SUBMODULE = '160000';
/** As git itself refuses them, but not when it reads an index that somebody else wrote. */
const NOT_BELOW = /^$|^\.{1,2}$|^\.git$/i;

/**
 * The paths of submodules in a repository's index. Rejects when a path in it leads elsewhere: git reads what is there,
 * and adds it.
 */
export async function submodulesOf(tree: OpenWorkTree): Promise<string[]> {
  const submodules: string[] = [];
  for (const entry of (await tree.git('ls-files', '--stage', '-z')).split('\0')) {
    if (entry === '') continue;
    const path = entry.slice(entry.indexOf('\t') + 1);
    if (path.split('/').some((name) => NOT_BELOW.test(name)))
      throw new Error(`its index has a path that is not allowed: ${path}`);
    if (entry.startsWith(SUBMODULE)) submodules.push(path);
  }
  return submodules;
}
