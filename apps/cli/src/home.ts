import { join, resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** Where everything lies that Purser keeps on this machine. */
export interface Home {
  root: string;
  adminKey: string;
  /** A NATS URL with the user `tools`, for other programs. */
  natsUrl: string;
  lock: string;
  /** Says which process holds the lock, while there is one; left behind by one that was killed. */
  runRecord: string;
  secrets: string;
  logs: string;
  nats: string;
  /** The users of the bus that VMs are; the offload-manager writes it. */
  natsGuests: string;
  postgres: string;
  gateway: string;
  /** Downloaded programs. */
  cache: string;
}

export function homeAt(root: string): Home {
  return {
    root,
    adminKey: join(root, 'admin.key'),
    natsUrl: join(root, 'nats.url'),
    lock: join(root, 'lock.db'),
    runRecord: join(root, 'purser.pid'),
    secrets: join(root, 'secrets'),
    logs: join(root, 'logs'),
    nats: join(root, 'nats'),
    natsGuests: join(root, 'nats-guests', 'users.conf'),
    postgres: join(root, 'postgres'),
    gateway: join(root, 'gateway'),
    cache: join(root, 'cache'),
  };
}

export const findHome = (env: Environment, cwd: string): Home => homeAt(resolve(cwd, env.PURSER_HOME || '.purser'));

export const findConfigDir = (env: Environment, cwd: string): string => resolve(cwd, env.PURSER_CONFIG_DIR || 'config');
