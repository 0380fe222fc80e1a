import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { clearStaleNats, findNatsServer, startNatsServer, type NatsAuthorization } from '@purser/embedded';
import { cacheFolder, newRunFolder } from './test-run.js';

export interface TestNatsOptions {
  authorization?: NatsAuthorization;
  maxPayloadBytes?: number;
  /** A nats-server of one's own choice, say another version. */
  bin?: string;
}

export interface TestNats {
  /** Without credentials; the same after a restart. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it politely and starts it again with the same store and port; also after `kill`. */
  restart(): Promise<void>;
  /** SIGKILL, as a crash would; the store stays. */
  kill(): Promise<void>;
  /** Ends it and removes the store. */
  stop(): Promise<void>;
}

/** A real nats-server with JetStream on a free port and a store of its own. */
export async function startTestNats(options: TestNatsOptions = {}): Promise<TestNats> {
  const bin = options.bin ?? (await findNatsServer({ env: process.env, cacheDir: cacheFolder() })).path;
  const folder = await newRunFolder('nats');
  const storeDir = join(folder, 'store');
  const start = (port: number) =>
    startNatsServer({
      bin,
      port,
      storeDir,
      logFile: join(folder, 'nats.log'),
      ...(options.authorization === undefined ? {} : { authorization: options.authorization }),
      ...(options.maxPayloadBytes === undefined ? {} : { maxPayloadBytes: options.maxPayloadBytes }),
    });
  let server = await start(0);
  const { url, port } = server;
  return {
    url,
    port,
    get pid() {
      return server.pid;
    },
    async restart() {
      await server.stop();
      await clearStaleNats(storeDir);
      server = await start(port);
    },
    async kill() {
      process.kill(server.pid, 'SIGKILL');
      await server.exited;
    },
    async stop() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
