import { chmod, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ensureGuests, type NatsAuthorization, natsConfigText } from '@purser/embedded';
import { parseConfig, readSecret } from '@purser/service';
import { z } from 'zod';
import { findHome } from '../home.js';
import type { Terminal } from '../terminal.js';
import { takeOverEarlierLayout } from './earlier-layout.js';
import { SERVICE_NAMES } from './permissions.js';
import { ensureSecrets, natsUrl, natsUsers, writePrivate } from './secrets.js';
import { ServiceHomes } from './service-homes.js';

const address = (standard: string) =>
  z
    .string()
    .regex(/^[A-Za-z0-9._-]+:\d{1,5}$/, `host:port such as ${standard}`)
    .default(standard);

const Settings = z.object({
  PURSER_INIT_NATS_HOST: address('nats:4222'),
  PURSER_INIT_PUBLIC_NATS_HOST: address('127.0.0.1:4222'),
  PURSER_INIT_NATS_STORE: z.string().default('/data'),
  PURSER_INIT_POSTGRES_HOST: address('postgres:5432'),
  PURSER_INIT_HOMES: z.string().optional(),
  PURSER_INIT_NATS_HOME: z.string().optional(),
  /** The folder of the file of VMs' users, as it lies here; the server finds it beside its configuration's folder. */
  PURSER_INIT_NATS_GUESTS: z.string().optional(),
  PURSER_INIT_POSTGRES_HOME: z.string().optional(),
});

/** Where the server's container has them. */
const NATS_CONFIG = '/purser-nats';
const NATS_GUESTS = '/purser-nats-guests';
const GUESTS_FILE = 'users.conf';

const MAX_PAYLOAD_BYTES = 8 * 1024 * 1024;

/**
 * Writes what services that run apart need before they start. Secrets that are there stay; the rest is written anew, so
 * that a newer Purser brings its newer permissions.
 * @returns the files that were written
 */
export async function init({ env, cwd }: Terminal): Promise<string[]> {
  const settings = parseConfig(Settings, env);
  const home = findHome(env, cwd);
  await mkdir(home.root, { recursive: true, mode: 0o700 });
  const homes = new ServiceHomes(home, settings.PURSER_INIT_HOMES, cwd);
  await takeOverEarlierLayout(home, homes);
  const secrets = await ensureSecrets(home);
  const written: string[] = [home.adminKey];
  const write = async (file: string, text: string): Promise<void> => {
    await writePrivate(file, `${text}\n`);
    written.push(file);
  };

  const { PURSER_INIT_NATS_HOME: natsHome, PURSER_INIT_POSTGRES_HOME: postgresHome } = settings;
  const natsFolder = natsHome ? resolve(cwd, natsHome) : home.secrets;
  await mkdir(natsFolder, { recursive: true, mode: 0o700 });
  const guestsFolder = settings.PURSER_INIT_NATS_GUESTS;
  // One that is there has users who must stay.
  if (guestsFolder) await ensureGuests(join(resolve(cwd, guestsFolder), GUESTS_FILE));
  const authorization = {
    users: natsUsers(secrets),
    ...(guestsFolder ? { guestsFile: join(NATS_GUESTS, GUESTS_FILE) } : {}),
  };
  await write(join(natsFolder, 'nats.conf'), natsConfig(settings.PURSER_INIT_NATS_STORE, authorization));
  const toolsUrl = natsUrl(secrets, 'tools', settings.PURSER_INIT_PUBLIC_NATS_HOST);
  await write(home.natsUrl, toolsUrl);
  // The owner's; `purser init-database` makes a role for each service with it.
  const databaseUrl = `postgres://purser:${encodeURIComponent(secrets.postgres)}@${settings.PURSER_INIT_POSTGRES_HOST}/purser`;
  await write(join(home.secrets, 'database.url'), databaseUrl);
  for (const service of SERVICE_NAMES)
    written.push(await homes.writeUrl(service, 'nats', natsUrl(secrets, service, settings.PURSER_INIT_NATS_HOST)));
  written.push(...(await homes.writeKeys(await readSecret(home.adminKey), toolsUrl)));
  await homes.removeForeign();

  if (postgresHome) {
    await mkdir(resolve(cwd, postgresHome), { recursive: true });
    // Postgres' image reads it as its own user; who may is decided by who has the volume.
    const file = join(resolve(cwd, postgresHome), 'password');
    await write(file, secrets.postgres);
    await chmod(file, 0o644);
  }
  return written;
}

function natsConfig(storeDir: string, authorization: NatsAuthorization): string {
  const text = natsConfigText({
    host: '0.0.0.0',
    port: 4222,
    serverName: 'purser',
    storeDir,
    pidFile: '/tmp/nats.pid',
    portsFileDir: '/tmp',
    maxPayloadBytes: MAX_PAYLOAD_BYTES,
    authorization,
    folder: NATS_CONFIG,
  });
  // Health checks inside the container; no other address of it listens there.
  return `${text}http: "127.0.0.1:8222"`;
}
