import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';

/**
 * The id, or its beginning, of the container that this process runs in. Docker mounts some files of its own into each
 * container from a folder that has its id; where those mounts are not seen, the host's name is the id's beginning,
 * unless somebody chose another.
 */
export async function ownContainerId(): Promise<string | undefined> {
  const mounts = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return containerIdIn(mounts) ?? (/^[0-9a-f]{12}$/.test(hostname()) ? hostname() : undefined);
}

export const containerIdIn = (mountinfo: string): string | undefined =>
  /\/containers\/([0-9a-f]{64})\/(?:hostname|hosts|resolv\.conf)\b/.exec(mountinfo)?.[1];
