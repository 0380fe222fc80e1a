import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer } from 'node:net';
import { PurserError } from '@purser/contracts';

export interface PortUse {
  /** Who is to listen there. */
  what: string;
  variable: string;
  host: string;
  port: number;
}

export type PortState = { free: true } | { free: false; reason: string; pid?: number };

/** Whether it could be bound now. */
export async function portState({ host, port }: Pick<PortUse, 'host' | 'port'>): Promise<PortState> {
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const probe = createServer();
    probe.once('error', resolve);
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve(undefined)));
  });
  if (error === undefined) return { free: true };
  if (error.code === 'EADDRINUSE') {
    const holder = await listenerOn(port);
    if (!holder) return { free: false, reason: 'taken by another program' };
    return { free: false, reason: `taken by ${holder.name} (pid ${holder.pid})`, pid: holder.pid };
  }
  if (error.code === 'EACCES') return { free: false, reason: 'not allowed to this user (ports below 1024 need root)' };
  if (error.code === 'EADDRNOTAVAIL') return { free: false, reason: `${host} is not an address of this machine` };
  return { free: false, reason: error.message };
}

/** Before anything is started, so that a start either has all its ports or leaves no trace. */
export async function requirePorts(uses: PortUse[]): Promise<void> {
  const states = await Promise.all(
    uses.filter(({ port }) => port !== 0).map(async (use) => ({ use, state: await portState(use) })),
  );
  const taken = states.flatMap(({ use, state }) => (state.free ? [] : [{ ...use, reason: state.reason }]));
  if (taken.length === 0) return;
  const lines = taken.map(
    ({ what, host, port, reason, variable }) =>
      `Port ${port} on ${host} for ${what} is ${reason}. Choose another one with ${variable}, for example ${variable}=${another(port)}.`,
  );
  throw new PurserError('conflict', {
    message: [...lines, 'Or stop what listens there. Nothing was started.'].join('\n'),
    details: { taken },
  });
}

const another = (port: number): number => (port > 60_000 ? port - 1_000 : port + 1_000);

const LISTEN = '0A';

/** On Linux and for processes of this user; undefined where it cannot be told. */
async function listenerOn(port: number): Promise<{ name: string; pid: number } | undefined> {
  if (process.platform !== 'linux') return undefined;
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const sockets = new Set<string>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const rows = (await readFile(file, 'utf8').catch(() => '')).split('\n').slice(1);
    for (const row of rows.map((text) => text.trim().split(/\s+/))) {
      if (row[1]?.endsWith(`:${wanted}`) && row[3] === LISTEN) sockets.add(`socket:[${row[9]}]`);
    }
  }
  if (sockets.size === 0) return undefined;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const open = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const fd of open) {
      const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => '');
      if (!sockets.has(target)) continue;
      const name = (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim();
      return { name: name || 'a process', pid: Number(pid) };
    }
  }
  return undefined;
}
