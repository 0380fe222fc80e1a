import { access, mkdir, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '@purser/testing';

export interface MemoryRoom {
  /** Whoever writes its process id to this file lives in the room from then on, and so do its children. */
  door: string;
  remove(): Promise<void>;
}

const ROOT = '/sys/fs/cgroup';

/** A control group with so much memory, so that what else runs on this machine does not count. Takes root. */
export async function memoryRoom(name: string, limitMb: number): Promise<MemoryRoom> {
  const v1 = join(ROOT, 'memory');
  const isV1 = await access(join(v1, 'memory.limit_in_bytes')).then(
    () => true,
    () => false,
  );
  const folder = join(isV1 ? v1 : ROOT, name);
  await mkdir(folder);
  await writeFile(join(folder, isV1 ? 'memory.limit_in_bytes' : 'memory.max'), String(limitMb * 2 ** 20));
  return {
    door: join(folder, 'cgroup.procs'),
    // The kernel lets go of it when the last one in it has ended.
    remove: () => eventually(() => rmdir(folder), { timeoutMs: 30_000, everyMs: 200 }),
  };
}
