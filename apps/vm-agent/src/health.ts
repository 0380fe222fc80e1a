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
  let kb = 0;
  for (const name of await readdir(proc).catch(() => [])) {
    if (!/^\d+$/.test(name) || OWN.has(Number(name))) continue;
    const status = await readFile(`${proc}/${name}/status`, 'utf8').catch(() => '');
    kb += Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  }
  return kb === 0 ? null : Math.round(kb / 1_024);
}
