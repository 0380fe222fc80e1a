import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { clearStalePostgres, startPostgres, type RunningPostgres } from '@purser/embedded';
import { newRunFolder } from './test-run.js';

/** Segments in the data folder: none is left in /dev/shm when a test kills the server. */
export const TEST_SETTINGS = { dynamic_shared_memory_type: 'mmap' };

export interface OwnPostgres {
  /** The same after a restart. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Fast shutdown; the data stay until `remove`. */
  stop(): Promise<void>;
  /** Again on the same port and data, also after `kill`. */
  start(): Promise<void>;
  /** SIGKILL to the postmaster, as a crash would. */
  kill(): Promise<void>;
  /** Stops it and removes the data. */
  remove(): Promise<void>;
}

/** A Postgres for one spec that has to stop or kill it. Others share one: `createTestDatabase`. */
export async function startOwnPostgres(options: { durable?: boolean } = {}): Promise<OwnPostgres> {
  const folder = await newRunFolder('own-postgres');
  const dataDir = join(folder, 'data');
  const launch = (port: number): Promise<RunningPostgres> =>
    startPostgres({
      dataDir,
      port,
      password: 'test',
      logFile: join(folder, 'postgres.log'),
      settings: TEST_SETTINGS,
      durable: options.durable ?? false,
    });
  let server = await launch(0);
  let state: 'running' | 'stopped' | 'killed' = 'running';
  const { url, port } = server;

  async function stop(): Promise<void> {
    if (state === 'running') await server.stop();
    if (state === 'running') state = 'stopped';
  }
  async function start(): Promise<void> {
    if (state === 'running') return;
    await clearStalePostgres(dataDir);
    server = await launch(port);
    state = 'running';
  }
  return {
    url,
    port,
    get pid() {
      return server.pid;
    },
    stop,
    start,
    async kill() {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
      state = 'killed';
    },
    async remove() {
      // A killed postmaster leaves its shared memory segment; only its next start finds and frees it.
      if (state === 'killed') await start();
      await stop();
      await rm(server.dataDir, { recursive: true, force: true });
      await rm(folder, { recursive: true, force: true });
    },
  };
}
