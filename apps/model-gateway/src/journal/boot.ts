import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const SYSCTL_TIMEOUT_MS = 2_000;

/** Names this run of the machine; undefined where that cannot be told. What was written but not synced outlives a process, not this. */
export function readBootId(platform: NodeJS.Platform = process.platform): string | undefined {
  try {
    const text =
      platform === 'darwin'
        ? // The time of the boot would not do: it moves when the clock is set.
          execFileSync('/usr/sbin/sysctl', ['-n', 'kern.bootsessionuuid'], {
            encoding: 'utf8',
            timeout: SYSCTL_TIMEOUT_MS,
            stdio: ['ignore', 'pipe', 'ignore'],
          })
        : readFileSync('/proc/sys/kernel/random/boot_id', 'utf8');
    return text.trim() || undefined;
  } catch {
    return undefined;
  }
}
