import { createTestDatabase, eventually, type TestDatabase } from '@purser/testing';
import { CREATE_TELL_CHANGE } from './changes.js';
import { Database } from './database.js';
import type { MigrationInterface, QueryRunner } from 'typeorm';

jest.setTimeout(60_000);

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
