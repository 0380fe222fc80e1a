import { execFile } from 'node:child_process';
import { readlinkSync } from 'node:fs';

/** The program that follows runs as a child of the namespace's first process, and all of it dies with that. */
export const NEW_NAMESPACE = ['--pid', '--fork', '--kill-child', '--mount-proc'];

let probed: Promise<string | undefined> | undefined;

/**
 * Our own PID namespace when this machine lets us make others, undefined when not. Only root may without a user
 * namespace, and in one of those every file of root's seems to be nobody's, which ssh and git refuse. Tried once.
 */
export function ownPidNamespace(): Promise<string | undefined> {
  probed ??= probe();
  return probed;
}

function probe(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const look = ['readlink', '/proc/self/ns/pid'];
    execFile('unshare', [...NEW_NAMESPACE, ...look], { timeout: 5000 }, (error, stdout) => {
      const own = readlinkSync('/proc/self/ns/pid');
      resolve(error || stdout.trim() === own || stdout.trim() === '' ? undefined : own);
    });
  });
}
