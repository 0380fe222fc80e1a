import { createConnection } from 'node:net';
import { join } from 'node:path';

const ANSWER_MS = 2_000;
/** Whatever stands in a label is no path. */
const NAME = /^[A-Za-z0-9_.-]{1,100}$/;

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
