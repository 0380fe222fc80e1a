import { connect } from '@nats-io/transport-node';
import pg from 'pg';
import { expectNoChildren } from './children-left.js';
import { eventually } from './eventually.js';
import { createTestDatabase } from './test-database.js';
import { startTestNats } from './test-nats.js';
import { startOwnPostgres } from './test-postgres.js';

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

afterAll(() => expectNoChildren());

jest.setTimeout(60_000);

describe('startTestNats', () => {
  it('keeps its address over a restart and a crash', async () => {
    const nats = await startTestNats();
    const client = await connect({ servers: nats.url, reconnectTimeWait: 20, maxReconnectAttempts: -1 });
    const answers = client.subscribe('ping', { callback: (_, message) => void message.respond('pong') });
    const ask = async (): Promise<string> => (await client.request('ping', '', { timeout: 500 })).string();
    expect(await ask()).toBe('pong');
    const before = nats.pid;
    await nats.restart();
    expect(nats.pid).not.toBe(before);
    expect(await eventually(ask)).toBe('pong');
    await nats.kill();
    await expect(ask()).rejects.toThrow();
    await nats.restart();
    expect(await eventually(ask)).toBe('pong');
    answers.unsubscribe();
    await client.close();
    await nats.stop();
  });
});

describe('createTestDatabase', () => {
  it('builds a template once and clones it for each spec', async () => {
    let built = 0;
    const template = {
      name: `spec-${process.pid}`,
      build: async (url: string) => {
        built += 1;
        await query(url, 'CREATE TABLE t (n int)');
      },
    };
    const [one, two] = await Promise.all([createTestDatabase({ template }), createTestDatabase({ template })]);
    await query(one.url, 'INSERT INTO t VALUES (1)');
    expect(await query(one.url, 'SELECT n FROM t')).toEqual([{ n: 1 }]);
    expect(await query(two.url, 'SELECT n FROM t')).toEqual([]);
    expect(built).toBe(1);
    await Promise.all([one.drop(), two.drop()]);
    await expect(query(one.url, 'SELECT 1')).rejects.toThrow('does not exist');
  });

  it('gives an empty database, and drops it under an open connection', async () => {
    const database = await createTestDatabase();
    const client = new pg.Client({ connectionString: database.url });
    const ended = new Promise<Error>((resolve) => client.on('error', resolve));
    await client.connect();
    expect((await client.query(`SELECT 1 FROM pg_tables WHERE schemaname = 'public'`)).rowCount).toBe(0);
    await database.drop();
    expect((await ended).message).toMatch(/terminat/);
  });
});

describe('startOwnPostgres', () => {
  it('has its data after a stop and after a kill', async () => {
    const postgres = await startOwnPostgres({ durable: true });
    await query(postgres.url, 'CREATE TABLE t (n int)');
    await postgres.stop();
    await expect(query(postgres.url, 'SELECT 1')).rejects.toThrow('ECONNREFUSED');
    await postgres.start();
    await query(postgres.url, 'INSERT INTO t VALUES (7)');
    await postgres.kill();
    await postgres.start();
    expect(await query(postgres.url, 'SELECT n FROM t')).toEqual([{ n: 7 }]);
    await postgres.remove();
  });
});
