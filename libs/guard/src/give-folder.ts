import { chmod, lchown, lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunAs } from './guard-protocol.js';

/**
 * Once: later it is the program's. Only from root, who closes it first: in a folder that another user may change, links
 * could be laid meanwhile to have other files given away.
 */
export async function giveWorkspace(workspace: string, owner: RunAs, signal: AbortSignal): Promise<void> {
  const { uid } = await lstat(workspace);
  if (uid === owner.uid) return;
  if (uid !== process.getuid?.()) {
    throw new Error(
      `the workspace ${workspace} belongs to uid ${uid}, and programs now run as uid ${owner.uid}; stop what uid ${uid} ` +
        `runs and do: chown -hR ${owner.uid}:${owner.gid} ${workspace}`,
    );
  }
  await chmod(workspace, 0o700);
  await giveFolder(workspace, owner, signal);
}

/** The folder itself last, so that a walk that was cut short is done again. A link is not followed, also at the top. */
export async function giveFolder(folder: string, { uid, gid }: RunAs, signal: AbortSignal): Promise<void> {
  if (!(await lstat(folder)).isDirectory()) throw new Error(`${folder} is no folder`);
  const pending = [folder];
  for (let current = pending.pop(); current !== undefined; current = pending.pop()) {
    for await (const entry of await opendir(current)) {
      signal.throwIfAborted();
      const path = join(current, entry.name);
      if (entry.isDirectory()) pending.push(path);
      await lchown(path, uid, gid);
    }
  }
  await lchown(folder, uid, gid);
}
