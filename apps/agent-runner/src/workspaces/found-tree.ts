import { rename } from 'node:fs/promises';
import { basename } from 'node:path';
import { isUnusable, openWorkTree, whyOf } from './open-work-tree.js';
import { asked, headIn } from './work-tree-files.js';

/** A busy machine is no reason to give up what may be in the tree alone. */
const LOOK_MS = 60_000;

/** Beside a task's folder, what is no work tree any more and may hold work all the same; no id has a `~`. */
const asideOf = (folder: string, epoch: number): string => `${folder}~${epoch}`;
/** The task that a folder of the workspaces is of. */
export const taskOf = (name: string): string => name.split('~', 1)[0]!;

/** The work tree as the session before left it. Rejects when something cannot be told, as when git takes too long. */
export class FoundTree {
  /** Why git cannot work in it, now or ever. */
  unusable: string | undefined;

  private constructor(
    private readonly folder: string,
    private readonly signal: AbortSignal,
  ) {}

  static async lookAt(folder: string, signal: AbortSignal): Promise<FoundTree> {
    const found = new FoundTree(folder, signal);
    const head = await found.look(headIn);
    if (head === undefined) found.unusable ??= 'it has no commit, or is no git repository any more';
    return found;
  }

  /** Whether it is at a commit or further on. */
  async contains(commit: string): Promise<boolean> {
    if (this.unusable !== undefined) return false;
    const answer = await this.look(async (tree) => {
      // Git fails for one that it does not have.
      if ((await asked(tree, 'cat-file', '-e', commit)) === undefined) return undefined;
      return asked(tree, 'merge-base', '--is-ancestor', commit, 'HEAD');
    });
    return answer !== undefined;
  }

  /** @returns what it is called from now on */
  async setAside(epoch: number): Promise<string> {
    const aside = asideOf(this.folder, epoch);
    await rename(this.folder, aside);
    return basename(aside);
  }

  private async look(what: typeof headIn): Promise<string | undefined> {
    try {
      const tree = await openWorkTree(this.folder, LOOK_MS, this.signal);
      return tree && (await what(tree));
    } catch (error) {
      const why = whyOf(error);
      if (!isUnusable(error)) throw new Error(`the work tree could not be looked at: ${why}`, { cause: error });
      this.unusable = why;
      return undefined;
    }
  }
}
