import { access, copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readOrCreateSecret } from '@purser/service';
import { type Home, homeAt } from '../home.js';
import type { ServiceHomes } from './service-homes.js';

/** Copied last: with it the secrets are complete. */
const LAST = 'postgres.password';

/**
 * Earlier versions kept all secrets in one volume, which is now the gateway's home alone (its journals have to stay where
 * they are), and gave runners the URL of the database's owner. Takes over the secrets, so that everything goes on with
 * them, and has the owner get another password: agents may have read the old one.
 */
export async function takeOverEarlierLayout(home: Home, homes: ServiceHomes): Promise<void> {
  const old = homeAt(homes.rootOf('model-gateway'));
  if (old.root === home.root) return;
  if ((await exists(join(old.secrets, LAST))) && !(await exists(join(home.secrets, LAST)))) {
    await mkdir(home.secrets, { recursive: true, mode: 0o700 });
    await copyFile(old.adminKey, home.adminKey);
    const passwords = (await readdir(old.secrets)).filter((name) => name.endsWith('.password') && name !== LAST);
    for (const name of [...passwords, LAST]) await copyFile(join(old.secrets, name), join(home.secrets, name));
  }
  if (await exists(join(homes.rootOf('agent-runner'), 'secrets', 'database.url')))
    await readOrCreateSecret(nextOwnerPassword(home), '');
}

/** While it is there, the owner of the database is to get it as the new password. */
export const nextOwnerPassword = (home: Home): string => join(home.secrets, 'postgres.password.next');

export const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
