import { rename, stat } from 'node:fs/promises';
import { removeTree } from './remove-tree.js';

/** Beside a task's workspace, what it was while another takes its place; no id has a `~`. */
const beforeOf = (workspace: string): string => `${workspace}~before`;

/** Puts a folder in the place of a workspace, which goes to `gone`: a runner that is killed meanwhile loses neither. */
export async function replaceWorkspace(workspace: string, by: string, gone: string): Promise<void> {
  const before = beforeOf(workspace);
  await removeTree(before);
  await rename(workspace, before);
  try {
    await rename(by, workspace);
  } catch (error) {
    await rename(before, workspace);
    throw error;
  }
  await rename(before, gone);
}

/** What it was is the workspace again where a runner was killed before another was in its place. */
export async function restoreWorkspace(workspace: string): Promise<void> {
  if (await stat(workspace).catch(() => undefined)) return;
  await rename(beforeOf(workspace), workspace).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}
