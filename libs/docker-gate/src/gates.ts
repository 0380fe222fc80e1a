import { createHash } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { hostname } from 'node:os';
import { join } from 'node:path';

const ANSWER_MS = 2_000;
/** A gate that starts takes connections long before. */
const STARTED_MS = 60_000;
/** Whatever stands in a label is no path. */
const NAME = /^[A-Za-z0-9_.-]{1,100}$/;

/** A data folder may be shared by machines, and only from its own can a gate be asked whether it is there. */
const MACHINE = createHash('sha256').update(hostname()).digest('hex').slice(0, 8);
const OF_A_MACHINE = /^at-([0-9a-f]{8})-/;

/** Of a gate's socket, told apart from those of gates on other machines. */
export const nameHere = (name: string): string => `at-${MACHINE}-${name}`;
const isElsewhere = (name: string): boolean => (OF_A_MACHINE.exec(name)?.[1] ?? MACHINE) !== MACHINE;

export const socketOf = (folder: string, name: string): string => join(folder, `${name}.sock`);

/** Whether the gate of that name takes connections. The socket of one that was killed is there still, but nobody listens. */
export function isGateAlive(folder: string, name: string | undefined): Promise<boolean> {
  if (name === undefined || !NAME.test(name)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = createConnection(socketOf(folder, name));
    const settle = (alive: boolean): void => {
      clearTimeout(late);
      socket.destroy();
      resolve(alive);
    };
    // It exists and is too busy to say so: not dead.
    const late = setTimeout(() => settle(true), ANSWER_MS);
    socket.once('connect', () => settle(true));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle(error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED'),
    );
  });
}

/** What gates leave that are killed: nobody listens there, and nobody will. */
export async function removeDeadSockets(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((file) => file.endsWith('.sock')).map((file) => file.slice(0, -5));
  const removing = names
    .filter((name) => !isElsewhere(name))
    .map(async (name) => {
      const path = socketOf(folder, name);
      const found = await stat(path);
      if (!found.isSocket() || Date.now() - found.mtimeMs < STARTED_MS) return;
      if (!(await isGateAlive(folder, name))) await rm(path, { force: true });
    });
  // One that cannot be removed is in nobody's way.
  await Promise.allSettled(removing);
}
