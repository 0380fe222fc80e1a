import { randomBytes } from 'node:crypto';
import { unwatchFile, watchFile } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { EmbeddedError } from './embedded-error.js';
import { natsConfigText, type NatsAuthorization, noGuestsText } from './nats-config.js';
import { portTaken, requirePort } from './port.js';
import { endProcess, listProcesses, type EndStep, type ProcessEntry } from './process-table.js';
import { ServerProcess, type ServerExit } from './server-process.js';

const PORT_VARIABLE = 'PURSER_NATS_PORT';
/** What our servers call themselves, wherever their binary lies: it is how an earlier run's is recognised. */
const PROGRAM = 'nats-server';
const FOLLOW_MS = 200;
const STOP: readonly EndStep[] = [
  { signal: 'SIGTERM', waitMs: 10_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];

export interface StartNatsOptions {
  bin: string;
  /** 0 lets the server choose a free one. */
  port: number;
  /** Holds JetStream's files, the configuration (0600) and the pid file. Created when it is missing. */
  storeDir: string;
  logFile: string;
  host?: string;
  /** The server's whole environment; empty by default. */
  env?: NodeJS.ProcessEnv;
  maxPayloadBytes?: number;
  /** Who may do what; without it anyone who reaches the port may do anything. */
  authorization?: NatsAuthorization;
  readyTimeoutMs?: number;
}

export interface RunningNats {
  /** Without credentials. */
  url: string;
  pid: number;
  port: number;
  exited: Promise<ServerExit>;
  /** SIGTERM, and SIGKILL after 10 s. */
  stop(): Promise<void>;
}

const configFileOf = (storeDir: string): string => join(resolve(storeDir), 'nats.conf');

/** The server's name as it greets a client, or undefined when nothing that speaks NATS is there. */
async function greetedName(host: string, port: number, timeoutMs: number): Promise<string | undefined> {
  return new Promise((done) => {
    let received = '';
    const socket = connect({ host, port });
    const finish = (name: string | undefined): void => {
      socket.destroy();
      done(name);
    };
    socket.setTimeout(timeoutMs, () => finish(undefined));
    socket.on('error', () => finish(undefined));
    socket.on('close', () => finish(undefined));
    socket.on('data', (chunk) => {
      received += chunk.toString('utf8');
      const info = /^INFO (\{.*\})\s*\r\n/.exec(received);
      if (info?.[1] !== undefined) finish((JSON.parse(info[1]) as { server_name?: string }).server_name);
      else if (received.length > 65_536) finish(undefined);
    });
  });
}

/** The port that the server chose, from the file it writes about it. */
async function chosenPort(storeDir: string, pid: number): Promise<number | undefined> {
  const file = join(storeDir, `${PROGRAM}_${pid}.ports`);
  const text = await readFile(file, 'utf8').catch(() => '');
  if (text === '') return undefined;
  const [client] = (JSON.parse(text) as { nats?: string[] }).nats ?? [];
  return client === undefined ? undefined : Number(new URL(client).port);
}

/** Removes the pid and ports files; 2.9 leaves the first also when it ends in order. */
async function removeTraces(storeDir: string): Promise<void> {
  const names = await readdir(storeDir).catch(() => []);
  const traces = names.filter((name) => name === 'nats.pid' || name.endsWith('.ports'));
  await Promise.all(traces.map((name) => rm(join(storeDir, name), { force: true })));
}

/** Whoever writes into it later does so as the same user. */
export async function ensureGuests(file: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const text = noGuestsText(() => randomBytes(24).toString('hex'));
  await writeFile(file, text, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** SIGHUP has a server of any version read its configuration again; one that it cannot read it leaves as it was. */
function follow(file: string, server: ServerProcess): () => void {
  const reload = () => {
    try {
      process.kill(server.pid, 'SIGHUP');
    } catch (error) {
      // It has ended a moment ago.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  };
  watchFile(file, { interval: FOLLOW_MS, persistent: false }, reload);
  const unfollow = () => unwatchFile(file, reload);
  void server.exited.then(unfollow);
  return unfollow;
}

/** Starts a nats-server with JetStream and returns when it greets clients. */
export async function startNatsServer(options: StartNatsOptions): Promise<RunningNats> {
  const host = options.host ?? '127.0.0.1';
  const storeDir = resolve(options.storeDir);
  const configFile = configFileOf(storeDir);
  // The name is new at every start: it tells our server from another one that already has the port.
  const serverName = `purser-${randomBytes(6).toString('hex')}`;
  if (options.port !== 0) await requirePort('nats-server', host, options.port, PORT_VARIABLE);
  await mkdir(storeDir, { recursive: true, mode: 0o700 });
  await mkdir(dirname(options.logFile), { recursive: true });
  const text = natsConfigText({
    host,
    port: options.port === 0 ? -1 : options.port,
    serverName,
    storeDir,
    pidFile: join(storeDir, 'nats.pid'),
    portsFileDir: storeDir,
    maxPayloadBytes: options.maxPayloadBytes ?? 8 * 1024 * 1024,
    authorization: options.authorization,
    folder: storeDir,
  });
  const { guestsFile } = options.authorization ?? {};
  if (guestsFile !== undefined) await ensureGuests(guestsFile);
  await rm(`${configFile}.new`, { force: true });
  await writeFile(`${configFile}.new`, text, { mode: 0o600, flag: 'wx' });
  await rename(`${configFile}.new`, configFile);

  const server = await ServerProcess.start({
    name: 'nats-server',
    bin: options.bin,
    argv0: PROGRAM,
    args: ['-c', configFile],
    env: options.env ?? {},
    cwd: storeDir,
    logFile: options.logFile,
  });
  const port = await server.waitUntilReady(
    async () => {
      const candidate = options.port === 0 ? await chosenPort(storeDir, server.pid) : options.port;
      if (candidate === undefined) return undefined;
      return (await greetedName(host, candidate, 1_000)) === serverName ? candidate : undefined;
    },
    options.readyTimeoutMs ?? 15_000,
    (tail) =>
      tail.includes('address already in use') ? portTaken('nats-server', host, options.port, PORT_VARIABLE) : undefined,
  );
  const unfollow = guestsFile === undefined ? () => undefined : follow(guestsFile, server);
  return {
    url: `nats://${host}:${port}`,
    pid: server.pid,
    port,
    exited: server.exited,
    stop: async () => {
      unfollow();
      await server.stop(STOP);
      await removeTraces(storeDir);
    },
  };
}

const isServerOf = (storeDir: string) => {
  const command = `${PROGRAM} -c ${configFileOf(storeDir)}`;
  return (entry: ProcessEntry): boolean => entry.command === command;
};

/** The pid of a nats-server that runs with this store; it is left by a killed Purser when nobody has the data folder's lock. */
export async function findStaleNats(storeDir: string): Promise<number | undefined> {
  return (await listProcesses()).find(isServerOf(storeDir))?.pid;
}

/**
 * Ends a nats-server that a killed Purser left running with this store, and removes its pid and ports files.
 * The caller must hold the lock of the data folder: a server in use is ended all the same.
 * @returns the pid of the server that was ended
 */
export async function clearStaleNats(storeDir: string): Promise<{ ended: number | undefined }> {
  const folder = resolve(storeDir);
  const isIt = isServerOf(folder);
  let ended: number | undefined;
  for (const { pid } of (await listProcesses()).filter(isIt)) {
    if (!(await endProcess(pid, isIt, STOP))) {
      throw new EmbeddedError(
        'still_running',
        `A nats-server of an earlier run (pid ${pid}) does not end.`,
        `End it by hand: kill -9 ${pid}`,
      );
    }
    ended = pid;
  }
  await removeTraces(folder);
  return { ended };
}
