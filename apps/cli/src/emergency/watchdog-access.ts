import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DirectAccess } from '@purser/cost-watchdog';
import { withSecretFiles } from '@purser/service';
import { findHome } from '../home.js';
import { ServiceHomes } from '../nats/service-homes.js';
import type { Terminal } from '../terminal.js';

const read = (file: string): Promise<string | undefined> =>
  readFile(file, 'utf8').then(
    (text) => text.trim() || undefined,
    () => undefined,
  );

/**
 * How the watchdog of this installation reaches Postgres and NATS: as the environment says, as `purser init` wrote it down
 * for it, or as `purser up` has it. What cannot be found or read is left out.
 */
export async function watchdogAccess({ env: given, cwd }: Pick<Terminal, 'env' | 'cwd'>): Promise<DirectAccess> {
  const env = withSecretFiles(given);
  const home = findHome(env, cwd);
  const homes = new ServiceHomes(home, env.PURSER_INIT_HOMES || undefined, cwd);
  const own = async (file: string, urlWith: (password: string) => string): Promise<string | undefined> => {
    const password = await read(join(home.secrets, file));
    return password === undefined ? undefined : urlWith(encodeURIComponent(password));
  };
  const { PURSER_POSTGRES_PORT: postgresPort = '5433', PURSER_NATS_PORT: natsPort = '4222' } = env;
  return {
    databaseUrl:
      env.PURSER_DATABASE_URL ||
      (await read(homes.urlFile('cost-watchdog', 'database'))) ||
      (await own('postgres.password', (password) => `postgres://purser:${password}@127.0.0.1:${postgresPort}/purser`)),
    natsUrl:
      env.PURSER_NATS_URL ||
      (await read(homes.urlFile('cost-watchdog', 'nats'))) ||
      (await own(
        'nats-cost-watchdog.password',
        (password) => `nats://cost-watchdog:${password}@127.0.0.1:${natsPort}`,
      )),
  };
}
