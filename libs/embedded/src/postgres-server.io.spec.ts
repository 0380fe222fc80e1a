import { spawn } from 'node:child_process';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { findAccount, isRoot, reachableBy } from './account.js';
import { startPostgres, type RunningPostgres, type StartPostgresOptions } from './postgres-server.js';
import { findProcess } from './process-table.js';
import { clearStalePostgres } from './stale-postgres.js';

const asRoot = isRoot() ? it : it.skip;
const repository = join(__dirname, '..', '..', '..');

let folder: string;
const started: RunningPostgres[] = [];

async function start(name: string, more: Partial<StartPostgresOptions> = {}): Promise<RunningPostgres> {
  const server = await startPostgres({
    dataDir: join(folder, name),
    port: 0,
    password: 'a b/"c',
    logFile: join(folder, `${name}.log`),
    durable: false,
    settings: { dynamic_shared_memory_type: 'mmap' },
    reachableFolders: [join(folder, 'reachable')],
    ...more,
  });
  started.push(server);
  return server;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  folder = await mkdtemp(join(process.env.PURSER_TEST_RUN_DIR ?? '', 'postgres-spec-'));
  await chmod(folder, 0o755);
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('startPostgres', () => {
  it('makes the database at the first start and keeps it for the next', async () => {
    const first = await start('main');
    expect(first.movedTo).toBeUndefined();
    await query(first.url, `CREATE TABLE t AS SELECT lower('Ä') AS small`);
    await first.stop();
    const second = await start('main', { port: first.port });
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'SELECT small FROM t')).toEqual([{ small: 'ä' }]);
    expect(await query(second.url, 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
  });

  it('lets nobody in without the password, and listens on loopback alone', async () => {
    const server = await start('main');
    const wrong = new URL(server.url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow('password authentication failed');
    expect(await query(server.url, 'SHOW unix_socket_directories')).toEqual([{ unix_socket_directories: '' }]);
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((address) => address?.family === 'IPv4' && !address.internal);
    if (outside) {
      const remote = new URL(server.url);
      remote.hostname = outside.address;
      await expect(query(remote.href, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    }
  });

  it('syncs to disk unless told otherwise', async () => {
    const server = await start('main', { durable: true });
    expect(await query(server.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
  });

  it('names the port that is taken and the variable that changes it', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => holder.once('listening', resolve));
    const { port } = holder.address() as AddressInfo;
    await expect(start('main', { port })).rejects.toMatchObject({
      code: 'port_taken',
      message: expect.stringMatching(new RegExp(`port ${port} [^]*PURSER_POSTGRES_PORT=`)) as string,
    });
    await new Promise((resolve) => holder.close(resolve));
  });

  it('refuses data of another major version, and a folder that holds something else', async () => {
    const other = join(folder, 'old');
    await mkdir(other);
    await writeFile(join(other, 'PG_VERSION'), '15\n');
    await expect(start('old')).rejects.toMatchObject({
      code: 'data_version',
      message: expect.stringMatching(/written by Postgres 15[^]*pg_dump/) as string,
    });
    await mkdir(join(folder, 'full'));
    await writeFile(join(folder, 'full', 'letter.txt'), 'dear');
    await expect(start('full')).rejects.toMatchObject({ code: 'data_folder' });
    expect(await readFile(join(folder, 'full', 'letter.txt'), 'utf8')).toBe('dear');
  });

  it('starts anew after a first start that was killed half-way', async () => {
    await mkdir(join(folder, 'half.new-dead', 'base'), { recursive: true });
    await writeFile(join(folder, '.half.new-dead.password'), 'secret');
    const server = await start('half');
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await expect(stat(join(folder, 'half.new-dead'))).rejects.toThrow('ENOENT');
    await expect(stat(join(folder, '.half.new-dead.password'))).rejects.toThrow('ENOENT');
  });

  asRoot('runs as another user, with data that it cannot reach put elsewhere, and found there again', async () => {
    const closed = join(folder, 'closed');
    await mkdir(closed, { mode: 0o700 });
    const server = await start('closed/data');
    expect(server.movedTo).toBe(server.dataDir);
    expect(server.dataDir.startsWith(join(folder, 'reachable'))).toBe(true);
    expect(await readFile(join(server.dataDir, '..', 'belongs-to'), 'utf8')).toBe(`${join(closed, 'data')}\n`);
    expect((await findProcess(server.pid))?.uid).not.toBe(0);
    await query(server.url, 'CREATE TABLE kept ()');
    await server.stop();
    // Opened later, the path does not make the data look lost.
    await chmod(closed, 0o755);
    const again = await start('closed/data');
    expect(again.dataDir).toBe(server.dataDir);
    expect(await query(again.url, 'SELECT FROM kept')).toEqual([]);
  });

  asRoot('does not start empty beside data that it can no longer reach', async () => {
    const shut = join(folder, 'shut');
    await mkdir(join(shut, 'data'), { recursive: true });
    await writeFile(join(shut, 'data', 'PG_VERSION'), '18\n');
    await chmod(shut, 0o700);
    await expect(start('shut/data')).rejects.toMatchObject({ code: 'data_folder' });
  });

  asRoot('works as a normal user', async () => {
    const nobody = await findAccount('nobody');
    // A clone that only root can enter is not a place where a normal user could work.
    if (nobody === undefined || !(await reachableBy(nobody, join(repository, 'libs/embedded/dist')))) return;
    const home = join(folder, 'home');
    await mkdir(home);
    await chown(home, nobody.uid, nobody.gid);
    const script = `
      const { startPostgres } = await import(${JSON.stringify(join(repository, 'libs/embedded/dist/index.js'))});
      const server = await startPostgres({ dataDir: 'data', port: 0, password: 'p', logFile: 'log', durable: false });
      await server.stop();
      console.log(JSON.stringify({ dataDir: server.dataDir, movedTo: server.movedTo }));`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: home,
      env: {},
      uid: nobody.uid,
      gid: nobody.gid,
      timeout: 30_000,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    expect(await new Promise((resolve) => child.once('close', resolve))).toBe(0);
    expect(JSON.parse(said)).toEqual({ dataDir: join(home, 'data') });
  });
});

describe('clearStalePostgres', () => {
  it('lets the next start go on after the postmaster was killed under an open connection', async () => {
    const server = await start('main', { durable: true });
    await query(server.url, 'CREATE TABLE IF NOT EXISTS crash (n int)');
    const open = new pg.Client({ connectionString: server.url });
    open.on('error', () => undefined);
    await open.connect();
    await open.query('INSERT INTO crash VALUES (1)');
    process.kill(server.pid, 'SIGKILL');
    await server.exited;
    expect(await clearStalePostgres(join(folder, 'main'))).toEqual({ ended: undefined });
    const again = await start('main');
    expect(await query(again.url, 'SELECT n FROM crash')).toEqual([{ n: 1 }]);
    await open.end().catch(() => undefined);
  });

  it('ends a postmaster that was left running, and no other', async () => {
    const [left, other] = [await start('main'), await start('half')];
    expect(await clearStalePostgres(join(folder, 'main'))).toEqual({ ended: left.pid });
    await left.exited;
    expect(await query(other.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await start('main', { port: left.port });
  });

  it('removes a pid file whose pid belongs to somebody else now', async () => {
    const file = join(folder, 'main', 'postmaster.pid');
    await writeFile(file, `${process.pid}\n${join(folder, 'main')}\n1\n5432\n\n127.0.0.1\n  1 999999999\nready   \n`);
    if (isRoot()) {
      const { uid, gid } = await stat(join(folder, 'main'));
      await chown(file, uid, gid);
    }
    await clearStalePostgres(join(folder, 'main'));
    const server = await start('main');
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});
