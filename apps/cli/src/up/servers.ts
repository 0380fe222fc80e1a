import { join } from 'node:path';
import {
  clearStaleNats,
  clearStalePostgres,
  findNatsServer,
  findStaleNats,
  findStalePostgres,
  type RunningNats,
  type RunningPostgres,
  startNatsServer,
  startPostgres,
} from '@purser/embedded';
import type { ServiceName } from '@purser/contracts';
import { ensureServiceRoles } from '@purser/database';
import type { Environment } from '@purser/service';
import type { Home } from '../home.js';
import { SERVICE_NAMES } from '../nats/permissions.js';
import { natsUrl, natsUsers, type Secrets } from '../nats/secrets.js';
import { requireGivenNats } from './given-nats.js';
import type { PortUse } from './ports.js';
import type { Settings } from './settings.js';
import { SupervisedServer } from './supervised-server.js';

export interface ServersOptions {
  env: Environment;
  home: Home;
  settings: Settings;
  secrets: Secrets;
  say: (message: string) => void;
  giveUp: (error: Error) => void;
  /** Aborted when the start is called off. */
  signal: AbortSignal;
}

export interface NatsAccess {
  urlFor(service: ServiceName): string;
  /** Without a password. */
  shownUrl: string;
  /** With the user `tools`; undefined when NATS is not ours to make users on. */
  toolsUrl: string | undefined;
  /** That our own server follows. */
  guestsFile: string | undefined;
  server: SupervisedServer<RunningNats> | undefined;
}

export interface PostgresAccess {
  /** With the user that was given, or the owner of our own. */
  url: string;
  shownUrl: string;
  /** Where the data are, when Postgres' user could not reach the data folder. */
  movedTo: string | undefined;
  server: SupervisedServer<RunningPostgres> | undefined;
}

/** The given NATS, or one of our own with a user for each service. */
export async function provideNats(options: ServersOptions): Promise<NatsAccess> {
  const { env, home, settings, secrets, say, giveUp, signal } = options;
  const given = settings.PURSER_NATS_URL;
  if (given !== undefined) {
    await requireGivenNats(given, say);
    return {
      urlFor: () => given,
      shownUrl: withoutCredentials(given),
      toolsUrl: undefined,
      guestsFile: undefined,
      server: undefined,
    };
  }
  const { path: bin } = await findNatsServer({ env, cacheDir: home.cache, log: natsProgress(say), signal });
  let port = settings.PURSER_NATS_PORT;
  const server = await SupervisedServer.start({
    name: 'nats-server',
    say,
    giveUp,
    launch: async () => {
      await clearStaleNats(home.nats);
      const running = await startNatsServer({
        bin,
        port,
        storeDir: home.nats,
        logFile: join(home.logs, 'nats-server.log'),
        authorization: { users: natsUsers(secrets), guestsFile: home.natsGuests },
        host: settings.PURSER_NATS_BIND,
      });
      port = running.port;
      return running;
    },
  });
  const host = `127.0.0.1:${port}`;
  return {
    urlFor: (service) => natsUrl(secrets, service, host),
    shownUrl: `nats://${host}`,
    toolsUrl: natsUrl(secrets, 'tools', host),
    guestsFile: home.natsGuests,
    server,
  };
}

/** Only what takes long is worth a line at the terminal. */
const natsProgress = (say: (message: string) => void) => (message: string) => {
  if (/downloading|unpacking|cannot|failed/.test(message)) say(message);
};

/** The given Postgres, or one of our own. */
export async function providePostgres({
  home,
  settings,
  secrets,
  say,
  giveUp,
}: ServersOptions): Promise<PostgresAccess> {
  const given = settings.PURSER_DATABASE_URL;
  if (given !== undefined) {
    return { url: given, shownUrl: withoutCredentials(given), movedTo: undefined, server: undefined };
  }
  let port = settings.PURSER_POSTGRES_PORT;
  let crashed = false;
  const server = await SupervisedServer.start({
    name: 'Postgres',
    say,
    giveUp,
    launch: async () => {
      if (crashed) await clearStalePostgres(home.postgres);
      crashed = true;
      const running = await startPostgres({
        dataDir: home.postgres,
        port,
        password: secrets.postgres,
        logFile: join(home.logs, 'postgres.log'),
      });
      port = running.port;
      return running;
    },
  });
  const { url, movedTo } = server.current;
  return { url, shownUrl: withoutCredentials(url), movedTo, server };
}

/** Servers that run on this data: when nobody has its lock, a killed Purser left them. */
export async function findAbandoned(home: Home): Promise<{ what: PortUse['what']; pid: number }[]> {
  const [nats, postgres] = await Promise.all([findStaleNats(home.nats), findStalePostgres(home.postgres)]);
  return [
    ...(nats === undefined ? [] : [{ what: 'nats-server', pid: nats }]),
    ...(postgres === undefined ? [] : [{ what: 'Postgres', pid: postgres }]),
  ];
}

/** What each service connects with: a role of its own where the Postgres is ours, else what was given. */
export async function serviceUrls(
  { url, server }: PostgresAccess,
  secrets: Secrets,
): Promise<Record<ServiceName, string>> {
  if (server) return ensureServiceRoles(url, secrets.database);
  return Object.fromEntries(SERVICE_NAMES.map((name) => [name, url])) as Record<ServiceName, string>;
}

/** Ends servers that a killed Purser left on this data. @returns what was ended, in words */
export async function clearAbandoned(home: Home): Promise<string[]> {
  const [nats, postgres] = await Promise.all([clearStaleNats(home.nats), clearStalePostgres(home.postgres)]);
  return [
    ...(nats.ended === undefined ? [] : [`nats-server (pid ${nats.ended})`]),
    ...(postgres.ended === undefined ? [] : [`Postgres (pid ${postgres.ended})`]),
  ];
}

function withoutCredentials(urls: string): string {
  return urls
    .split(',')
    .map((text) => {
      const url = new URL(text.trim());
      url.username = '';
      url.password = '';
      url.search = '';
      return url.href.replace(/\/$/, '');
    })
    .join(',');
}
