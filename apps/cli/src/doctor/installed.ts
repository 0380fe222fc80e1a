import { mkdtemp, readFile, rm, rmdir, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { findNatsServer, findPostgres, makeFolders } from '@purser/embedded';
import type { Environment } from '@purser/service';
import type { Home } from '../home.js';
import { lookAtGivenNats } from '../up/given-nats.js';
import { foreignOwner } from '../up/prepare-home.js';
import { portState } from '../up/ports.js';
import { findAbandoned } from '../up/servers.js';
import { portUses, type Settings } from '../up/settings.js';
import { type Check, fail, type Finding, ok, warn } from './check.js';

export interface Installed {
  env: Environment;
  home: Home;
  /** Undefined when the environment is wrong; then what depends on it is not looked at. */
  settings: Settings | undefined;
  /** The Purser that runs on this data folder; its ports are taken by itself. */
  runningPid: number | undefined;
  /** Aborted when nobody waits for the answers any more. */
  signal: AbortSignal;
}

/** Finding nats-server may mean to download it. */
const FIND_NATS_WITHIN_MS = 300_000;
const NATS_ANSWERS_WITHIN_MS = 5_000;

export const installationChecks = ({ settings, ...installed }: Installed): Check[] => [
  { name: 'data folder', look: () => dataFolder(installed.home) },
  { name: 'admin key', look: () => adminKey(installed.home) },
  ...(settings ? serverChecks({ ...installed, settings }) : []),
];

type Configured = Installed & { settings: Settings };

const serverChecks = (configured: Configured): Check[] => [
  { name: 'ports', look: () => ports(configured) },
  { name: 'NATS', look: () => nats(configured), withinMs: FIND_NATS_WITHIN_MS },
  { name: 'Postgres', look: () => postgres(configured) },
];

async function dataFolder(home: Home): Promise<Finding> {
  const { root } = home;
  const remedy = 'Set PURSER_HOME to a folder of yours, or make this one yours: chown, chmod.';
  const there = await stat(root).catch(() => undefined);
  if (!there) {
    return canBeMade(root).then(
      () => ok(`${root} will be made at the first start`),
      (error: Error) => fail(`${root} does not exist and cannot be made: ${error.message}`, remedy),
    );
  }
  const foreign = await foreignOwner(home);
  if (foreign) return fail(foreign.what, foreign.remedy);
  try {
    await rm(await mkdtemp(join(root, 'doctor-')), { recursive: true });
  } catch (error) {
    return fail(`${root} is not writable: ${(error as Error).message}`, remedy);
  }
  if ((there.mode & 0o066) !== 0) {
    return warn(`${root} is open to other users of this machine`, `chmod 700 ${root} (the next start does it).`);
  }
  return ok(root);
}

/** Tried, since rights do not tell it of folders such as /proc; nothing of it is left. */
async function canBeMade(root: string): Promise<void> {
  const probe = join(root, 'doctor');
  const first = await makeFolders(probe, 0o700);
  for (let folder = probe; first !== undefined && folder.length >= first.length; folder = dirname(folder)) {
    await rmdir(folder);
  }
}

async function adminKey({ adminKey: file }: Home): Promise<Finding> {
  const there = await stat(file).catch(() => undefined);
  if (!there) return ok('will be made at the first start');
  if ((there.mode & 0o077) !== 0) {
    return fail(
      `${file} can be read by other users`,
      `chmod 600 ${file}; and if others use this machine, delete it and start again: a new key is made.`,
    );
  }
  return (await readFile(file, 'utf8')).trim() === ''
    ? fail(`${file} is empty`, 'Delete it and start again: a new key is made.')
    : ok(file);
}

async function ports({ home, settings, runningPid }: Configured): Promise<Finding> {
  const uses = portUses(settings);
  const list = uses.map(({ port }) => port).join(', ');
  if (runningPid !== undefined) return ok(`${list}: in use by the Purser that runs`);
  const states = await Promise.all(uses.map(async (use) => ({ use, state: await portState(use) })));
  const taken = states.flatMap(({ use, state }) => (state.free ? [] : [{ ...use, ...state }]));
  if (taken.length === 0) return ok(`${list}: free`);
  const abandoned = await findAbandoned(home);
  // Who listens is not known everywhere; then our own server, which runs, is whom to expect on its port.
  const isLeft = ({ what, pid }: (typeof taken)[number]): boolean =>
    abandoned.some((left) => left.what === what && (pid === undefined || pid === left.pid));
  const foreign = taken.filter((one) => !isLeft(one));
  if (foreign.length > 0) {
    return fail(
      foreign.map(({ port, what, reason }) => `${port} (${what}) is ${reason}`).join('; '),
      `Stop what listens there, or choose others with ${foreign.map(({ variable }) => variable).join(', ')}.`,
    );
  }
  const left = abandoned.map(({ what, pid }) => `${what} (pid ${pid})`).join(', ');
  return warn(
    `${taken.map(({ port }) => port).join(', ')}: held by what a killed Purser left: ${left}`,
    'Nothing is to be done: the next start ends it.',
  );
}

async function nats({ env, home, settings, runningPid, signal }: Configured): Promise<Finding> {
  if (settings.PURSER_NATS_URL !== undefined) return givenNats(settings.PURSER_NATS_URL);
  if (runningPid !== undefined) return ok(`our own runs on port ${settings.PURSER_NATS_PORT}`);
  const { path, version, from } = await findNatsServer({ env, cacheDir: home.cache, signal });
  return ok(`nats-server ${version} (${path}, from ${from === 'debian' ? "Debian's package" : from})`);
}

async function givenNats(url: string): Promise<Finding> {
  const answers = await reachable(url, '4222', 'PURSER_NATS_URL');
  if (answers.state !== 'ok') return answers;
  const { problem, warning } = await lookAtGivenNats(url, NATS_ANSWERS_WITHIN_MS);
  if (problem) return fail(problem.what, problem.remedy);
  return warning ? warn(warning.what, warning.remedy) : answers;
}

async function postgres({ settings, runningPid }: Configured): Promise<Finding> {
  if (settings.PURSER_DATABASE_URL !== undefined) {
    return reachable(settings.PURSER_DATABASE_URL, '5432', 'PURSER_DATABASE_URL');
  }
  const { version } = await findPostgres();
  const where = runningPid === undefined ? '' : `, runs on port ${settings.PURSER_POSTGRES_PORT}`;
  return ok(`Postgres ${version} from npm${where}`);
}

async function reachable(urls: string, standardPort: string, variable: string): Promise<Finding> {
  const [first = ''] = urls.split(',');
  const { hostname, port } = new URL(first.trim());
  const target = `${hostname}:${port || standardPort}`;
  const failure = await new Promise<string | undefined>((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || standardPort) });
    const finish = (reason?: string): void => {
      socket.destroy();
      resolve(reason);
    };
    socket.setTimeout(5_000, () => finish('no answer within 5 s'));
    socket.on('connect', () => finish());
    socket.on('error', (error) => finish(error.message));
  });
  return failure === undefined
    ? ok(`${target} answers (from ${variable}; the user and password show at the start)`)
    : fail(`${target} does not answer: ${failure}`, `Start the server, or correct ${variable}.`);
}
