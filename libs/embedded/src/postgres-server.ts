import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isRoot } from './account.js';
import { EmbeddedError } from './embedded-error.js';
import { freePort, portTaken, requirePort } from './port.js';
import { findPostgres } from './postgres-binaries.js';
import { ensureCluster } from './postgres-cluster.js';
import { placeBinaries, placePostgres, REACHABLE_FOLDERS } from './postgres-place.js';
import type { EndStep } from './process-table.js';
import { ServerProcess, type ServerExit } from './server-process.js';
import { postmasterArguments } from './stale-postgres.js';

const HOST = '127.0.0.1';
const PORT_VARIABLE = 'PURSER_POSTGRES_PORT';
const PORT_TRIES = 5;

/** Fast shutdown, then immediate shutdown (the next start recovers from the log), then the kernel. */
const STOP: readonly EndStep[] = [
  { signal: 'SIGINT', waitMs: 15_000 },
  { signal: 'SIGQUIT', waitMs: 5_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
];

/** For one machine that has other work to do: small, no parallel queries, no replication, no I/O workers. */
const SETTINGS: Readonly<Record<string, string>> = {
  shared_buffers: '48MB',
  max_connections: '100',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  max_logical_replication_workers: '0',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '256MB',
  min_wal_size: '64MB',
  io_method: 'sync',
  huge_pages: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] %q%u@%d ',
};

export interface StartPostgresOptions {
  /** Made at the first start. */
  dataDir: string;
  /** 0 picks a free one. */
  port: number;
  /** Of `user`, set when the data folder is made. */
  password: string;
  logFile: string;
  user?: string;
  database?: string;
  /** Settings of postgresql.conf that go before ours. */
  settings?: Readonly<Record<string, string>>;
  /** False turns fsync off: for tests alone. */
  durable?: boolean;
  readyTimeoutMs?: number;
  /** Where root puts what Postgres' user cannot reach. */
  reachableFolders?: readonly string[];
}

export interface RunningPostgres {
  url: string;
  pid: number;
  port: number;
  /** Where the data really is. */
  dataDir: string;
  /** The same, set only when it is not where it was wanted. */
  movedTo: string | undefined;
  exited: Promise<ServerExit>;
  /** Fast shutdown within 15 s, then less and less politely. */
  stop(): Promise<void>;
}

/** The postmaster writes its state into line 8 of postmaster.pid; pg_ctl waits for the same. */
async function isReady(dataDir: string, pid: number): Promise<true | undefined> {
  const text = await readFile(join(dataDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const lines = text.split('\n');
  return lines[0] === String(pid) && lines[7]?.trim() === 'ready' ? true : undefined;
}

/**
 * Starts a Postgres that listens on 127.0.0.1 alone and returns when it takes connections. As root it runs as an
 * unprivileged user, with its data where that user can reach them.
 */
export async function startPostgres(options: StartPostgresOptions): Promise<RunningPostgres> {
  const { user = 'purser', database = 'purser', durable = true, reachableFolders = REACHABLE_FOLDERS } = options;
  if (options.port !== 0) await requirePort('Postgres', HOST, options.port, PORT_VARIABLE);
  const binaries = await findPostgres();
  const { account, dataDir, movedTo } = await placePostgres(options.dataDir, reachableFolders);
  const binDir = join(await placeBinaries(binaries, account, reachableFolders), 'bin');
  const { password } = options;
  await ensureCluster({ binaries, binDir, account, dataDir, user, password, database, durable });
  await mkdir(dirname(options.logFile), { recursive: true });

  const settings = {
    ...SETTINGS,
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    ...options.settings,
    listen_addresses: HOST,
    unix_socket_directories: '',
  };
  const launch = async (port: number): Promise<RunningPostgres> => {
    const [dash, folder, ...rest] = postmasterArguments(dataDir);
    const flags = Object.entries({ port: String(port), ...settings }).map(([name, value]) => `${name}=${value}`);
    const server = await ServerProcess.start({
      name: 'Postgres',
      bin: join(binDir, 'postgres'),
      args: [dash ?? '', folder ?? '', ...flags.flatMap((flag) => [...rest, flag])],
      env: { LC_ALL: 'C', TZ: 'UTC' },
      cwd: dataDir,
      logFile: options.logFile,
      ...(isRoot() ? { uid: account.uid, gid: account.gid } : {}),
    });
    await server.waitUntilReady(
      () => isReady(dataDir, server.pid),
      options.readyTimeoutMs ?? 60_000,
      (tail) => explain(tail, dataDir, port),
    );
    const credentials = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
    return {
      url: `postgres://${credentials}@${HOST}:${port}/${encodeURIComponent(database)}`,
      pid: server.pid,
      port,
      dataDir,
      movedTo,
      exited: server.exited,
      stop: () => server.stop(STOP),
    };
  };
  if (options.port !== 0) return launch(options.port);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await launch(await freePort(HOST));
    } catch (error) {
      // Between our look and its bind another process took the port.
      const lost = error instanceof EmbeddedError && error.code === 'port_taken';
      if (!lost || attempt === PORT_TRIES) throw error;
    }
  }
}

function explain(logTail: string, dataDir: string, port: number): EmbeddedError | undefined {
  if (logTail.includes('Address already in use')) return portTaken('Postgres', HOST, port, PORT_VARIABLE);
  if (/lock file "postmaster.pid" already exists|shared memory block .* still in use/.test(logTail)) {
    return new EmbeddedError(
      'still_running',
      `Another Postgres already works on ${dataDir}.`,
      'Stop the Purser that started it; after a crash the next `purser up` clears it by itself.',
      { cause: new Error(logTail) },
    );
  }
  return undefined;
}
