import { connect, createServer, type Socket } from 'node:net';
import { createTestDatabase, startOwnPostgres, type TestDatabase } from '@purser/testing';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { Database, violatedConstraint } from './database.js';

jest.setTimeout(60_000);

class CreateCounters1700000001000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Slow enough that two instances would both be in here.
    await runner.query('SELECT pg_sleep(0.3)');
    await runner.query('CREATE TABLE counters (id text PRIMARY KEY, value bigint NOT NULL CHECK (value >= 0))');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE counters');
  }
}

class Broken1700000002000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE half_done (id text)');
    await runner.query('SELECT * FROM missing_table');
  }

  async down(): Promise<void> {}
}

const open = (url: string, schema = 'first', more: Partial<Parameters<typeof Database.open>[0]> = {}) =>
  Database.open({ url, schema, migrations: [CreateCounters1700000001000], applicationName: 'spec', ...more });

describe('a database', () => {
  let server: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    server = await createTestDatabase();
    database = await open(server.url);
  });

  afterAll(async () => {
    await database?.close();
    await server?.drop();
  });

  beforeEach(async () => {
    await database.query('DELETE FROM counters');
  });

  describe('migrations', () => {
    it('run once when several instances start at once, each in its own schema', async () => {
      const opened = await Promise.all(
        ['second', 'second', 'second', 'third'].map((schema) => open(server.url, schema)),
      );
      for (const one of opened) await one.query(`INSERT INTO counters VALUES (gen_random_uuid()::text, 1)`);
      const [first] = opened;
      expect(await first?.query('SELECT name FROM migrations')).toEqual([{ name: 'CreateCounters1700000001000' }]);
      expect(await first?.query('SELECT count(*) FROM second.counters')).toEqual([{ count: 3n }]);
      expect(await first?.query('SELECT count(*) FROM third.counters')).toEqual([{ count: 1n }]);
      await Promise.all(opened.map((one) => one.close()));
    });

    it('do not run again at the next start', async () => {
      await database.query(`INSERT INTO counters VALUES ('kept', 1)`);
      const again = await open(server.url);
      expect(await again.query('SELECT id FROM counters')).toEqual([{ id: 'kept' }]);
      await again.close();
    });

    it('may take longer than a statement of the service, and are waited for by the others that start', async () => {
      const opened = await Promise.all([1, 2].map(() => open(server.url, 'slow', { statementTimeoutMs: 100 })));
      for (const one of opened) {
        expect(await one.query('SELECT id FROM counters')).toEqual([]);
        await expect(one.query('SELECT pg_sleep(5)')).rejects.toMatchObject({ code: 'unavailable' });
        await one.close();
      }
    });

    it('leave nothing behind when one fails, and do not hold up the next start', async () => {
      const migrations = [CreateCounters1700000001000, Broken1700000002000];
      const said = jest.spyOn(console, 'log').mockImplementation(() => undefined);
      await expect(open(server.url, 'broken', { migrations })).rejects.toThrow('missing_table');
      said.mockRestore();
      const mended = await open(server.url, 'broken');
      expect(await mended.query(`SELECT to_regclass('broken.half_done') AS found`)).toEqual([{ found: null }]);
      await mended.close();
    });
  });

  it('gives rows the same way for reads and writes, and bigint as bigint', async () => {
    expect(await database.query(`INSERT INTO counters VALUES ('a', 9007199254740993) RETURNING value`)).toEqual([
      { value: 9007199254740993n },
    ]);
    expect(await database.query(`UPDATE counters SET value = 5 WHERE id = 'a' RETURNING id`)).toEqual([{ id: 'a' }]);
    expect(await database.query(`UPDATE counters SET value = 5 WHERE id = 'b' RETURNING id`)).toEqual([]);
    expect(await database.query(`DELETE FROM counters RETURNING id, value`)).toEqual([{ id: 'a', value: 5n }]);
    expect(await database.query(`SELECT ARRAY[1, 2] AS list, 7 AS number`)).toEqual([{ list: [1, 2], number: 7 }]);
  });

  it('names the constraint that refused a write', async () => {
    await database.query(`INSERT INTO counters VALUES ('a', 1)`);
    const refused = (text: string) => database.query(text).then(() => undefined, violatedConstraint);
    expect(await refused(`INSERT INTO counters VALUES ('a', 1)`)).toBe('counters_pkey');
    expect(await refused(`UPDATE counters SET value = -1`)).toBe('counters_value_check');
    expect(await refused(`SELECT 1 / 0`)).toBeUndefined();
  });

  describe('a transaction', () => {
    it('keeps all or nothing', async () => {
      const failing = database.transaction(async (tx) => {
        await tx.query(`INSERT INTO counters VALUES ('a', 1)`);
        throw new Error('second thoughts');
      });
      await expect(failing).rejects.toThrow('second thoughts');
      expect(await database.query('SELECT * FROM counters')).toEqual([]);
    });

    it('is run again when Postgres broke a deadlock with it', async () => {
      await database.query(`INSERT INTO counters VALUES ('a', 0), ('b', 0)`);
      let runs = 0;
      let bothHold = () => undefined as void;
      const held = new Promise<void>((resolve) => (bothHold = resolve));
      let holding = 0;
      const addInOrder = (first: string, second: string) =>
        database.transaction(async (tx) => {
          runs += 1;
          await tx.query('UPDATE counters SET value = value + 1 WHERE id = $1', [first]);
          if (++holding === 2) bothHold();
          await held;
          await tx.query('UPDATE counters SET value = value + 1 WHERE id = $1', [second]);
        });
      await Promise.all([addInOrder('a', 'b'), addInOrder('b', 'a')]);
      expect(runs).toBe(3);
      expect(await database.query('SELECT value FROM counters')).toEqual([{ value: 2n }, { value: 2n }]);
    });

    it('is not run again for ever, nor for an error of its own', async () => {
      let runs = 0;
      const conflict = database.transaction(async (tx) => {
        runs += 1;
        await tx.query(`DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = 'serialization_failure'; END $$`);
      });
      await expect(conflict).rejects.toThrow('again');
      expect(runs).toBe(4);
      runs = 0;
      const defect = database.transaction(async (tx) => {
        runs += 1;
        await tx.query('SELECT 1 / 0');
      });
      await expect(defect).rejects.toThrow('division by zero');
      expect(runs).toBe(1);
    });
  });

  describe('a Postgres that is there and cannot work', () => {
    it.each([
      ['53100', 'disk full'],
      ['53200', 'out of memory'],
      ['53300', 'too many connections'],
      ['58030', 'I/O error'],
      ['55P03', 'lock not available'],
      ['40P01', 'a deadlock after the last try'],
      ['40001', 'a serialisation conflict after the last try'],
    ])('is trouble that passes: %s (%s)', async (code, message) => {
      const failing = database.transaction((tx) =>
        tx.query(`DO $$ BEGIN RAISE EXCEPTION '${message}' USING ERRCODE = '${code}'; END $$`),
      );
      await expect(failing).rejects.toMatchObject({
        code: 'unavailable',
        retryable: true,
        message: expect.stringContaining(message) as string,
      });
    });

    it('is trouble that passes: it is read-only after a failover', async () => {
      const failing = database.transaction(async (tx) => {
        await tx.query('SET TRANSACTION READ ONLY');
        await tx.query(`INSERT INTO counters VALUES ('a', 1)`);
      });
      await expect(failing).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    });
  });

  it('says how to mend it when there is no server or the password is wrong', async () => {
    const nowhere = open('postgres://u:secret@127.0.0.1:1/purser', 'x', { connectTimeoutMs: 0 });
    await expect(nowhere).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/127\.0\.0\.1:1\/purser.*PURSER_DATABASE_URL/) as string,
    });
    await expect(nowhere).rejects.not.toThrow('secret');
  });
});

describe('a Postgres that goes away', () => {
  it('is trouble that passes: every statement says so, and works again when it is back', async () => {
    // Durable: otherwise a kill loses what was committed just before.
    const postgres = await startOwnPostgres({ durable: true });
    const database = await open(postgres.url);
    try {
      const inFlight = database.query('SELECT pg_sleep(20)');
      const inTransaction = database.transaction(async (tx) => {
        await tx.query(`INSERT INTO counters VALUES ('lost', 1)`);
        await tx.query('SELECT pg_sleep(20)');
      });
      const refused = { code: 'unavailable', retryable: true };
      const both = Promise.all([
        expect(inFlight).rejects.toMatchObject(refused),
        expect(inTransaction).rejects.toMatchObject(refused),
      ]);
      await new Promise((resolve) => setTimeout(resolve, 200));
      await postgres.kill();
      await both;
      await expect(database.ping()).rejects.toMatchObject(refused);
      await expect(database.transaction((tx) => tx.query('SELECT 1'))).rejects.toMatchObject(refused);
      await postgres.start();
      expect(await database.query('SELECT * FROM counters')).toEqual([]);
    } finally {
      await database.close();
      await postgres.remove();
    }
  });
});

describe('a Postgres that falls silent', () => {
  it('is given up on, and is asked over another connection from then on', async () => {
    const server = await createTestDatabase();
    const target = new URL(server.url);
    const sockets = new Set<Socket>();
    const deaf = new Set<Socket>();
    let silent = false;
    const proxy = createServer((near) => {
      const far = connect(Number(target.port), target.hostname);
      const heard = (other: Socket) => (bytes: Buffer) => {
        if (!deaf.has(near)) other.write(bytes);
      };
      if (silent) deaf.add(near);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(one);
        one
          .on('data', heard(other))
          .on('error', () => other.destroy())
          .on('close', () => other.destroy());
      }
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const through = new URL(server.url);
    through.port = String((proxy.address() as { port: number }).port);
    const database = await open(through.href, 'first', { poolSize: 2, statementTimeoutMs: 500 });
    try {
      // Both connections of the pool exist, then neither answers any more.
      await Promise.all([database.query('SELECT pg_sleep(0.1)'), database.query('SELECT pg_sleep(0.1)')]);
      silent = true;
      for (const socket of sockets) deaf.add(socket);
      const refused = { code: 'unavailable', retryable: true };
      const begun = performance.now();
      await Promise.all([
        expect(database.ping()).rejects.toMatchObject(refused),
        expect(database.transaction((tx) => tx.query('SELECT 1'))).rejects.toMatchObject(refused),
      ]);
      // One silence each (5.5 s): nobody waits for the rolling back as well.
      expect(performance.now() - begun).toBeLessThan(10_000);
      silent = false;
      await database.ping();
      await database.transaction((tx) => tx.query('SELECT 1'));
    } finally {
      await database.close();
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await server.drop();
    }
  });
});
