import { connect, PermissionViolationError, type NatsConnection } from '@nats-io/transport-node';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { findNatsServer } from './nats-binary.js';
import { clearStaleNats, startNatsServer, type RunningNats, type StartNatsOptions } from './nats-server.js';
import { findProcess } from './process-table.js';

let folder: string;
let bin: string;
const started: RunningNats[] = [];

async function start(store: string, more: Partial<StartNatsOptions> = {}): Promise<RunningNats> {
  const storeDir = join(folder, store);
  const server = await startNatsServer({ bin, port: 0, storeDir, logFile: join(folder, `${store}.log`), ...more });
  started.push(server);
  return server;
}

beforeAll(async () => {
  folder = await mkdtemp(join(process.env.PURSER_TEST_RUN_DIR ?? '', 'nats-spec-'));
  ({ path: bin } = await findNatsServer({ env: process.env, cacheDir: process.env.PURSER_TEST_CACHE_DIR ?? '' }));
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('startNatsServer', () => {
  it('greets clients on 127.0.0.1, with JetStream and 8 MiB messages, and a configuration for its user alone', async () => {
    const server = await start('plain');
    const client = await connect({ servers: server.url });
    expect(client.info).toMatchObject({
      host: '127.0.0.1',
      port: server.port,
      jetstream: true,
      max_payload: 8_388_608,
    });
    await client.close();
    expect((await stat(join(folder, 'plain', 'nats.conf'))).mode & 0o777).toBe(0o600);
    await server.stop();
    expect(await server.exited).toEqual({ code: expect.any(Number) as number, signal: null });
    await expect(connect({ servers: server.url, reconnect: false, timeout: 500 })).rejects.toThrow();
    expect(await readdir(join(folder, 'plain'))).not.toContain('nats.pid');
  });

  it('survives a signal to the group of the process that started it', async () => {
    const server = await start('group');
    const [entry, own] = await Promise.all([findProcess(server.pid), findProcess(process.pid)]);
    expect(entry?.ppid).toBe(own?.pid);
    // A group of its own has the number of its first process, and can be signalled by it.
    expect(() => process.kill(-server.pid, 0)).not.toThrow();
  });

  it('lets each user do no more than it is told', async () => {
    const server = await start('users', {
      authorization: {
        users: [
          { user: 'asker', password: 'p"\\$1', permissions: { publish: ['ask'], subscribe: ['_INBOX.>'] } },
          { user: 'answerer', password: 'p2', permissions: { publish: ['_INBOX.>'], subscribe: ['ask'] } },
        ],
      },
    });
    await expect(connect({ servers: server.url })).rejects.toThrow(/authorization/i);
    const asker = await connect({ servers: server.url, user: 'asker', pass: 'p"\\$1' });
    const answerer = await connect({ servers: server.url, user: 'answerer', pass: 'p2' });
    answerer.subscribe('ask', { callback: (_, message) => void message.respond('yes') });
    await answerer.flush();
    expect((await asker.request('ask', '', { timeout: 2_000 })).string()).toBe('yes');
    expect(await violation(answerer, 'ask')).toMatchObject({ operation: 'publish', subject: 'ask' });
    expect(await violation(asker, 'other')).toMatchObject({ operation: 'publish', subject: 'other' });
    await Promise.all([asker.close(), answerer.close()]);
  });

  it('names the port that is taken and the variable that changes it', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as AddressInfo;
    await expect(start('taken', { port })).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringMatching(new RegExp(`port ${port} on 127.0.0.1 is taken[^]*PURSER_NATS_PORT=`)) as string,
    });
    await new Promise((resolve) => holder.close(resolve));
  });

  it('shows what a server said that ended at once', async () => {
    const broken = join(folder, 'broken');
    await writeFile(broken, '#!/bin/sh\necho "cannot do this" >&2\nexit 3\n', { mode: 0o755 });
    await expect(start('broken-store', { bin: broken, port: 0 })).rejects.toMatchObject({
      code: 'start_failed',
      message: expect.stringMatching(/exit code 3[^]*cannot do this/) as string,
    });
  });
});

describe('clearStaleNats', () => {
  it('ends the server of this store, and no other', async () => {
    const [left, other] = await Promise.all([start('left'), start('other')]);
    expect(await clearStaleNats(join(folder, 'left'))).toEqual({ ended: left.pid });
    await left.exited;
    expect(await findProcess(other.pid)).toBeDefined();
    const again = await start('left', { port: left.port });
    expect(again.port).toBe(left.port);
  });

  it('cleans up after a SIGKILL, and leaves alone who has the pid now', async () => {
    const server = await start('killed');
    process.kill(server.pid, 'SIGKILL');
    await server.exited;
    await writeFile(join(folder, 'killed', 'nats.pid'), String(process.pid));
    expect(await clearStaleNats(join(folder, 'killed'))).toEqual({ ended: undefined });
    const names = await readdir(join(folder, 'killed'));
    expect(names.filter((name) => name === 'nats.pid' || name.endsWith('.ports'))).toEqual([]);
  });

  it('has nothing to do for a store that does not exist', async () => {
    expect(await clearStaleNats(join(folder, 'never'))).toEqual({ ended: undefined });
  });
});

async function violation(client: NatsConnection, subject: string): Promise<PermissionViolationError | undefined> {
  client.publish(subject, '');
  for await (const status of client.status()) {
    if (status.type === 'error' && status.error instanceof PermissionViolationError) return status.error;
  }
  return undefined;
}
