import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The oldest nats-server that Purser works with: 2.9 (KV, work queues, per-message dedupe as we use them). */
export const OLDEST_NATS = '2.9';

/** What `nats-server --version` says, as `2.9.10`. Throws when the file does not run or is another program. */
export async function natsVersion(bin: string): Promise<string> {
  const { stdout } = await run(bin, ['--version'], { timeout: 5_000 });
  const version = /v?(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1];
  if (!stdout.startsWith('nats-server') || version === undefined) {
    throw new Error(`it is not nats-server: --version printed ${JSON.stringify(stdout.slice(0, 80))}`);
  }
  return version;
}

function parts(version: string): [number, number, number] {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return [major, minor, patch];
}

/** Negative when `a` is older than `b`. */
export function compareVersions(a: string, b: string): number {
  const right = parts(b);
  return (
    parts(a)
      .map((part, index) => part - (right[index] ?? 0))
      .find((difference) => difference !== 0) ?? 0
  );
}

/** The version of a usable binary; throws with the reason when it is not one. */
export async function usableNatsVersion(bin: string): Promise<string> {
  const version = await natsVersion(bin);
  if (compareVersions(version, OLDEST_NATS) < 0) {
    throw new Error(`${bin} is version ${version}; the oldest supported is ${OLDEST_NATS}`);
  }
  return version;
}
