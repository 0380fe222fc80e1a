import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);

/**
 * Tells a process from a later one with the same number, and this machine from another that shares a folder with it.
 * `startedAt` changes with every start.
 */
export const Owner = z.object({ host: z.string(), pid: z.number(), startedAt: z.string() });
export type ProcessIdentity = z.infer<typeof Owner>;

/** When a process of this machine was started; undefined when there is none with this number. */
async function startOf(pid: number): Promise<string | undefined> {
  try {
    if (process.platform === 'linux') {
      const [stat, boot] = await Promise.all([
        readFile(`/proc/${pid}/stat`, 'utf8'),
        readFile('/proc/sys/kernel/random/boot_id', 'utf8'),
      ]);
      // The name in brackets may hold blanks itself, so the fields are counted from its end; the 22nd is the start.
      const ticks = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
      return `${boot.trim()} ${ticks}`;
    }
    const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)], { timeout: 5_000 });
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}

export async function ownIdentity(): Promise<ProcessIdentity> {
  return { host: hostname(), pid: process.pid, startedAt: (await startOf(process.pid)) ?? 'unknown' };
}

/** `elsewhere`: on another machine (or container), so that it cannot be told from here. */
export async function stateOf(identity: ProcessIdentity): Promise<'alive' | 'dead' | 'elsewhere'> {
  if (identity.host !== hostname()) return 'elsewhere';
  return (await startOf(identity.pid)) === identity.startedAt ? 'alive' : 'dead';
}
