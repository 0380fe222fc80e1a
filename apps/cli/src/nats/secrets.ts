import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServiceName } from '@purser/contracts';
import type { NatsUser } from '@purser/embedded';
import { readOrCreateSecret } from '@purser/service';
import type { Home } from '../home.js';
import { SERVICE_NAMES, servicePermissions, toolsPermissions } from './permissions.js';

export type NatsUserName = ServiceName | 'tools';

export interface Secrets {
  nats: Record<NatsUserName, string>;
  /** Of the owner of the database. */
  postgres: string;
  /** Of each service's own role in it. */
  database: Record<ServiceName, string>;
}

const USERS: readonly NatsUserName[] = [...SERVICE_NAMES, 'tools'];

/** The admin key and all passwords: made at the first start, each in a file of mode 0600, and read from then on. */
export async function ensureSecrets(home: Home): Promise<Secrets> {
  await mkdir(home.secrets, { recursive: true, mode: 0o700 });
  await readOrCreateSecret(home.adminKey, 'pk_');
  const passwords = async <Name extends string>(kind: string, names: readonly Name[]) => {
    const made = names.map(async (name) => {
      return [name, await readOrCreateSecret(join(home.secrets, `${kind}-${name}.password`), '')] as const;
    });
    return Object.fromEntries(await Promise.all(made)) as Record<Name, string>;
  };
  return {
    nats: await passwords('nats', USERS),
    postgres: await readOrCreateSecret(join(home.secrets, 'postgres.password'), ''),
    database: await passwords('database', SERVICE_NAMES),
  };
}

export const natsUsers = (secrets: Secrets): NatsUser[] =>
  USERS.map((user) => ({
    user,
    password: secrets.nats[user],
    permissions: user === 'tools' ? toolsPermissions() : servicePermissions(user),
  }));

export const natsUrl = (secrets: Secrets, user: NatsUserName, host: string): string =>
  `nats://${user}:${encodeURIComponent(secrets.nats[user])}@${host}`;

/** A file that only its owner reads, also when one with other rights was there. */
export async function writePrivate(file: string, text: string): Promise<void> {
  await writeFile(file, text, { mode: 0o600 });
  await chmod(file, 0o600);
}
