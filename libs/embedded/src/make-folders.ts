import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/**
 * `mkdir -p`, one folder after the other: Node's own never ends where nothing can be made, such as in /proc.
 * @returns the topmost folder that was made; undefined when all were there
 */
export async function makeFolders(folder: string, mode = 0o777): Promise<string | undefined> {
  const path = resolve(folder);
  if (await isFolder(path)) return undefined;
  const above = dirname(path) === path ? undefined : await makeFolders(dirname(path), mode);
  try {
    await mkdir(path, { mode });
    return above ?? path;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || !(await isFolder(path))) throw error;
    return above; // Another process was first.
  }
}

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
