import { readdir, readFile } from 'node:fs/promises';

const HEALTH_MS = 3_000;

/** Whether the component answers at its health path with a success. */
export async function isHealthy(url: string, path: string): Promise<boolean> {
  try {
    const response = await fetch(`${new URL(url).origin}${path}`, { signal: AbortSignal.timeout(HEALTH_MS) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

const OWN = new Set([1, process.pid, process.ppid]);

/** Of all processes that are seen here but the agent's own; null where there are none, as the component has its own view. */
export async function memoryBesideMb(proc = '/proc'): Promise<number | null> {
  const names = (await readdir(proc).catch(() => [])).filter((name) => /^\d+$/.test(name) && !OWN.has(Number(name)));
  // Side by side: one after the other they hold up the heartbeat of an agent that has much to pass on.
  const sizes = await Promise.all(
    names.map(async (name) => {
      const status = await readFile(`${proc}/${name}/status`, 'utf8').catch(() => '');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
    }),
  );
  const kb = sizes.reduce((sum, size) => sum + size, 0);
  return kb === 0 ? null : Math.round(kb / 1_024);
}
