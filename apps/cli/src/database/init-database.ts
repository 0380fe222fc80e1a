import { readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { PurserError } from '@purser/contracts';
import { changeOwnPassword, ensureServiceRoles, mayLogIn } from '@purser/database';
import { parseConfig, readSecret, serviceSettings, withSecretFiles } from '@purser/service';
import { z } from 'zod';
import { findHome, type Home } from '../home.js';
import { exists, nextOwnerPassword } from '../nats/earlier-layout.js';
import { SERVICE_NAMES } from '../nats/permissions.js';
import { ensureSecrets, writePrivate } from '../nats/secrets.js';
import { ServiceHomes } from '../nats/service-homes.js';
import type { Terminal } from '../terminal.js';

const Settings = z.object({
  PURSER_DATABASE_URL: serviceSettings.PURSER_DATABASE_URL.optional(),
  PURSER_INIT_HOMES: z.string().optional(),
});

/**
 * Makes the services' roles and schemas in the database of the given owner, and writes each role's URL for its service.
 * @returns the files that were written
 */
export async function initDatabase({ env, cwd }: Terminal): Promise<string[]> {
  const settings = parseConfig(Settings, withSecretFiles(env));
  const home = findHome(env, cwd);
  const homes = new ServiceHomes(home, settings.PURSER_INIT_HOMES, cwd);
  const secrets = await ensureSecrets(home);
  const url = settings.PURSER_DATABASE_URL ?? (await ownerUrl(home));
  const urls = await ensureServiceRoles(url, secrets.database);
  return Promise.all(SERVICE_NAMES.map((service) => homes.writeUrl(service, 'database', urls[service])));
}

/** What `purser init` wrote. */
async function ownerUrl(home: Home): Promise<string> {
  const file = join(home.secrets, 'database.url');
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new PurserError('invalid_request', {
      message: `PURSER_DATABASE_URL is not set, and there is no ${file}: set it to the URL of the database's owner, or run \`purser init\` first.`,
      cause,
    });
  });
  return withNextPassword(home, file, text.trim());
}

/** May be stopped after any step: the next run goes on with it. */
async function withNextPassword(home: Home, file: string, url: string): Promise<string> {
  const next = nextOwnerPassword(home);
  if (!(await exists(next))) return url;
  const password = await readSecret(next);
  const renewed = new URL(url);
  renewed.password = encodeURIComponent(password);
  if (!(await mayLogIn(renewed.href))) await changeOwnPassword(url, password);
  await writePrivate(file, `${renewed.href}\n`);
  await rename(next, join(home.secrets, 'postgres.password'));
  return renewed.href;
}
