import { createTestDatabase, type TestDatabase } from '@purser/testing';
import pg from 'pg';
import { Database, type Sql } from './database.js';
import {
  appendToOutbox,
  CreateOutbox1700000000000,
  deleteFromOutbox,
  factsOf,
  outboxIsEmpty,
  takeFromOutbox,
  tellTogether,
} from './outbox.js';

jest.setTimeout(60_000);

const open = (url: string) =>
  Database.open({ url, schema: 'spec', migrations: [CreateOutbox1700000000000], applicationName: 'spec' });

describe('the outbox', () => {
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
    await database.query('DELETE FROM outbox');
  });

  const fact = (eventId: string) => ({ eventId, subject: `task.created.${eventId}`, event: `{"id":"${eventId}"}` });
  const add = (...ids: string[]) => database.transaction((tx) => appendToOutbox(tx, ids.map(fact)));
  const ids = (rows: { event_id: string }[]) => rows.map((row) => row.event_id);
  const waiting = async () => ids((await database.transaction((tx) => takeFromOutbox(tx, 10))).rows);
  /** One round of a relay, as the service does it. */
  const relay = (publish: (eventId: string) => void, limit = 100) =>
    database.transaction(async (tx: Sql) => {
      const { rows } = await takeFromOutbox(tx, limit);
      for (const row of rows) publish(row.event_id);
      await deleteFromOutbox(tx, rows);
      return rows.length;
    });

  it('gives facts in the order of their transactions, in parts, and each once', async () => {
    await add('a', 'b');
    await add('c');
    const published: string[] = [];
    while ((await relay((id) => published.push(id), 2)) > 0);
    expect(published).toEqual(['a', 'b', 'c']);
  });

  it('takes what a statement told of many rows as one, and gives their facts in order', async () => {
    const told = ['c', 'a', 'b'].map((id) => JSON.stringify({ id, subject: `task.created.${id}`, data: 'one\ntwo' }));
    const tell = tellTogether('unnest($1::text[]) WITH ORDINALITY AS given (event, place)', 'place');
    await database.query(tell, [[...told, null]]);
    await database.query(tell, [[null]]);
    const { rows } = await database.transaction((tx) => takeFromOutbox(tx, 10));
    expect(rows).toHaveLength(1);
    expect(rows.flatMap(factsOf)).toEqual(
      ['c', 'a', 'b'].map((id, at) => ({ eventId: id, subject: `task.created.${id}`, event: told[at] })),
    );
  });

  it('gives no more at once than its bytes, but at least one, and says whether there may be more', async () => {
    await add('a', 'b', 'c');
    const took = async (limit: number, bytes: number) => {
      const { rows, more } = await database.transaction((tx) => takeFromOutbox(tx, limit, bytes));
      return [...ids(rows), ...(more ? ['and more'] : [])];
    };
    const { length } = fact('a').event;
    expect(await took(10, 1)).toEqual(['a', 'and more']);
    expect(await took(10, length + 1)).toEqual(['a', 'b', 'and more']);
    expect(await took(10, 3 * length)).toEqual(['a', 'b', 'c']);
    expect(await took(2, 1_000)).toEqual(['a', 'b', 'and more']);
  });

  it('has no fact of a transaction that was not committed', async () => {
    const failed = database.transaction(async (tx) => {
      await appendToOutbox(tx, [fact('never')]);
      throw new Error('second thoughts');
    });
    await expect(failed).rejects.toThrow('second thoughts');
    expect(await database.query('SELECT * FROM outbox')).toEqual([]);
  });

  it('counts as empty only when nothing is left to send, also while another relay sends it', async () => {
    expect(await outboxIsEmpty(database)).toBe(true);
    await add('a');
    await database.transaction(async (tx) => {
      await deleteFromOutbox(tx, (await takeFromOutbox(tx, 10)).rows);
      expect(await outboxIsEmpty(database)).toBe(false);
    });
    expect(await outboxIsEmpty(database)).toBe(true);
  });

  it('takes the same event once', async () => {
    await add('a');
    await add('a', 'b');
    expect(await waiting()).toEqual(['a', 'b']);
    await add();
  });

  it('keeps what a relay published but could not strike out, so that it is sent again', async () => {
    await add('a', 'b');
    const published: string[] = [];
    const crash = database.transaction(async (tx) => {
      for (const row of (await takeFromOutbox(tx, 10)).rows) published.push(row.event_id);
      throw new Error('killed here');
    });
    await expect(crash).rejects.toThrow('killed here');
    await relay((id) => published.push(id));
    expect(published).toEqual(['a', 'b', 'a', 'b']);
  });

  it('is sent by one relay at a time, and by another when that one dies', async () => {
    await add('a', 'b', 'c');
    await database.transaction(async (first) => {
      expect(ids((await takeFromOutbox(first, 1)).rows)).toEqual(['a']);
      expect(await relay(() => undefined)).toBe(0);
    });
    const published: string[] = [];
    await Promise.all(Array.from({ length: 6 }, () => relay((id) => published.push(id))));
    while ((await relay((id) => published.push(id))) > 0);
    expect(published).toEqual(['a', 'b', 'c']);
  });

  it('is not held up by a lock that any role may take', async () => {
    const outsider = new pg.Client({ connectionString: server.url });
    await outsider.connect();
    try {
      // What an earlier version locked with.
      for (const name of ['spec.outbox', 'purser.spec'])
        await outsider.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [name]);
      await add('a');
      expect(await relay(() => undefined)).toBe(1);
      await (await open(server.url)).close();
    } finally {
      await outsider.end();
    }
  });

  it('does not hold up those who add while it is sent', async () => {
    await add('a');
    await database.transaction(async (tx) => {
      const { rows } = await takeFromOutbox(tx, 10);
      await add('b');
      await deleteFromOutbox(tx, rows);
    });
    expect(await waiting()).toEqual(['b']);
  });
});
