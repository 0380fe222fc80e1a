import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createTestDatabase, eventually, type TestDatabase } from '@purser/testing';
import { Changes, CREATE_TELL_CHANGE } from './changes.js';
import { Database } from './database.js';
import type { MigrationInterface, QueryRunner } from 'typeorm';

jest.setTimeout(60_000);

/** To Postgres, until it falls silent, without a word, for whoever has come. */
async function startWay(url: string): Promise<{ url: string; fallSilent(): void; close(): Promise<void> }> {
  const there = new URL(url);
  const pairs: [Socket, Socket][] = [];
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: there.hostname, port: Number(there.port), allowHalfOpen: true });
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.pipe(far);
    far.pipe(near);
    pairs.push([near, far]);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const way = new URL(url);
  way.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: way.href,
    fallSilent: () => {
      for (const [near, far] of pairs) {
        near.unpipe(far).resume();
        far.unpipe(near).resume();
      }
    },
    close: async () => {
      for (const socket of pairs.flat()) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

class CreateThings1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('CREATE TABLE things (id integer PRIMARY KEY)');
    await runner.query('CREATE TABLE others (id integer PRIMARY KEY)');
    await runner.query(CREATE_TELL_CHANGE);
    await runner.query(
      'CREATE TRIGGER tell_change AFTER INSERT OR DELETE ON things FOR EACH STATEMENT EXECUTE FUNCTION tell_change()',
    );
  }

  async down(): Promise<void> {}
}

describe('what is asked for again only when it has changed', () => {
  let server: TestDatabase;
  let database: Database;
  let other: Database;
  let asked: number;
  const options = () => ({
    url: server.url,
    schema: 'spec',
    migrations: [CreateThings1700000000001],
    applicationName: 'spec',
  });

  /** Counts how often the table is really asked for. */
  const things = (keeps?: (rows: { id: number }[]) => boolean) =>
    database.whileUnchanged(
      ['things'],
      () => {
        asked++;
        return database.query<{ id: number }>('SELECT id FROM things ORDER BY id');
      },
      keeps,
    );

  /** Changes are heard: the second of two looks asks for nothing. */
  const quiet = (read: () => Promise<unknown>) =>
    eventually(async () => {
      await read();
      const before = asked;
      await read();
      expect(asked).toBe(before);
    });

  beforeEach(async () => {
    server = await createTestDatabase();
    database = await Database.open({ ...options(), hearsChanges: true });
    other = await Database.connect(options());
    asked = 0;
  });

  afterEach(async () => {
    await database?.close();
    await other?.close();
    await server?.drop();
  });

  it('is not asked for while nothing changes, and is seen when another process changes it', async () => {
    const read = things();
    await quiet(read);
    await other.query('INSERT INTO things VALUES (1)');
    await eventually(async () => expect(await read()).toHaveLength(1));
    await quiet(read);
    await other.query('INSERT INTO others VALUES (1)');
    await other.query('DELETE FROM things');
    await eventually(async () => expect(await read()).toHaveLength(0));
  });

  it('is asked for again and again when more than the table decides about it', async () => {
    const read = things((rows) => rows.length === 0);
    await quiet(read);
    await other.query('INSERT INTO things VALUES (1)');
    await eventually(async () => expect(await read()).toHaveLength(1));
    const before = asked;
    await read();
    await read();
    expect(asked).toBe(before + 2);
  });

  it('does not keep what was read while it changed', async () => {
    const read = things();
    await quiet(read);
    let slow = true;
    const slowly = database.whileUnchanged(['things'], async () => {
      const rows = await database.query<{ id: number }>('SELECT id FROM things');
      if (slow) {
        slow = false;
        await other.query('INSERT INTO things VALUES (1)');
        await eventually(async () => expect(await read()).toHaveLength(1));
      }
      return rows;
    });
    expect(await slowly()).toEqual([]);
    expect(await slowly()).toEqual([{ id: 1 }]);
  });

  it('asks again when its connection was cut, and keeps again when it is back', async () => {
    const read = things();
    await quiet(read);
    const cut = await other.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'spec' AND query LIKE 'LISTEN%'`,
    );
    expect(cut).toHaveLength(1);
    const before = asked;
    await eventually(async () => {
      await read();
      expect(asked).toBeGreaterThan(before);
    });
    await quiet(read);
    await other.query('INSERT INTO things VALUES (1)');
    await eventually(async () => expect(await read()).toHaveLength(1));
  });

  it('is asked for again after a write of its own, whatever was heard of it', async () => {
    // Nobody tells of changes of this table.
    const read = database.whileUnchanged(['others'], () => {
      asked++;
      return database.query('SELECT FROM others');
    });
    await quiet(read);
    await database.changing(['others'], () => database.query('INSERT INTO others VALUES (1)'));
    expect(await read()).toHaveLength(1);
    await quiet(read);
    await expect(
      database.changing(['others'], async () => {
        await other.query('INSERT INTO others VALUES (2)');
        throw new Error('the answer was lost');
      }),
    ).rejects.toThrow('the answer was lost');
    expect(await read()).toHaveLength(2);
  });

  it('is asked for again when its connection has fallen silent, and kept again by way of another one', async () => {
    const way = await startWay(server.url);
    const changes = new Changes({
      ...options(),
      url: way.url,
      notify: (channel, payload) => other.query('SELECT pg_notify($1, $2)', [channel, payload]),
      proveEveryMs: 200,
    });
    changes.start();
    try {
      const read = changes.whileUnchanged(
        ['things'],
        () => {
          asked++;
          return database.query('SELECT FROM things');
        },
        () => true,
      );
      await quiet(read);
      way.fallSilent();
      await other.query('INSERT INTO things VALUES (1)');
      await eventually(async () => expect(await read()).toHaveLength(1), { timeoutMs: 20_000 });
      await eventually(() => quiet(read), { timeoutMs: 20_000 });
    } finally {
      await changes.close();
      await way.close();
    }
  });

  it('always asks where changes are not heard', async () => {
    let asks = 0;
    const read = other.whileUnchanged(['things'], () => {
      asks++;
      return Promise.resolve([]);
    });
    await read();
    await read();
    expect(asks).toBe(2);
  });
});
