import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export interface MemoryBound {
  limitBytes: number;
  /** Without pages of files that nobody has used lately: those make room when they must. */
  usedBytes: number;
}

/** A limit above this means none: v1 writes the largest multiple of a page. */
const NO_LIMIT = 2 ** 60;

/**
 * What the control groups of this process let it have: every group above it may have a limit, and each is told. Empty
 * where there are none, as on macOS. `root` stands for the file system's root, in specs.
 */
export async function memoryBounds(root = '/'): Promise<MemoryBound[]> {
  const groups = await text(join(root, 'proc/self/cgroup'));
  if (groups === undefined) return [];
  const lines = groups.split('\n').map((line) => line.split(':'));
  const unified = lines.find(([id, controllers]) => id === '0' && controllers === '');
  const v1 = lines.find(([, controllers]) => controllers?.split(',').includes('memory'));
  const [mount, files, path] = v1
    ? (['sys/fs/cgroup/memory', V1, v1.slice(2).join(':')] as const)
    : (['sys/fs/cgroup', V2, unified?.slice(2).join(':') ?? '/'] as const);
  const bounds = await Promise.all(withParents(path).map((group) => boundOf(join(root, mount, group), files)));
  return bounds.filter((one) => one !== undefined);
}

interface Files {
  limit: string;
  used: string;
  idle: RegExp;
}
const V2: Files = { limit: 'memory.max', used: 'memory.current', idle: /^inactive_file (\d+)$/m };
const V1: Files = {
  limit: 'memory.limit_in_bytes',
  used: 'memory.usage_in_bytes',
  idle: /^total_inactive_file (\d+)$/m,
};

/** In a container the path may be that of the host, which is not mounted: its own root is looked at in any case. */
function withParents(path: string): string[] {
  const all = [path];
  for (let at = path; at !== '/' && at !== '.'; at = dirname(at)) all.push(dirname(at));
  return [...new Set([...all, '/'])];
}

async function boundOf(folder: string, files: Files): Promise<MemoryBound | undefined> {
  const [limit, used, stat] = await Promise.all(
    [files.limit, files.used, 'memory.stat'].map((file) => text(join(folder, file))),
  );
  const limitBytes = Number(limit);
  const total = Number(used);
  if (limit === undefined || used === undefined || !(limitBytes > 0 && limitBytes < NO_LIMIT) || !(total >= 0))
    return undefined;
  const idle = Number(files.idle.exec(stat ?? '')?.[1] ?? 0);
  return { limitBytes, usedBytes: Math.max(0, total - idle) };
}

const text = (path: string): Promise<string | undefined> =>
  readFile(path, 'utf8').then(
    (content) => content.trim(),
    () => undefined,
  );
