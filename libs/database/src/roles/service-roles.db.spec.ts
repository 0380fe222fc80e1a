import type { ServiceName } from '@purser/contracts';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import pg from 'pg';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { appendToOutbox, CreateOutbox1700000000000, Database, ensureServiceRoles, SERVICE_SCHEMAS } from '../index.js';

jest.setTimeout(60_000);

const SERVICES = Object.keys(SERVICE_SCHEMAS) as ServiceName[];
const passwords = Object.fromEntries(SERVICES.map((name) => [name, `it's ${name}'s`])) as Record<ServiceName, string>;

/** One of each kind of object that a service may have. */
class CreateThings1700000001000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TYPE mood AS ENUM ('good', 'bad');
      CREATE DOMAIN amount AS bigint CHECK (VALUE >= 0);
      CREATE SEQUENCE loose;
      CREATE TABLE things (id bigint GENERATED ALWAYS AS IDENTITY, old serial, mood mood, amount amount);
      CREATE VIEW good_things AS SELECT * FROM things WHERE mood = 'good';
      CREATE FUNCTION twice(n integer) RETURNS integer LANGUAGE sql AS 'SELECT n * 2';
      INSERT INTO things (mood, amount) VALUES ('good', 7)`);
  }

  async down(): Promise<void> {}
}

class ChangeThings1700000002000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TYPE mood ADD VALUE 'new';
      ALTER DOMAIN amount DROP NOT NULL;
      DROP VIEW good_things;
      DROP SEQUENCE loose;
      ALTER TABLE things ADD COLUMN more text;
      DROP FUNCTION twice(integer)`);
  }

  async down(): Promise<void> {}
}

describe('a role for each service', () => {
  let server: TestDatabase;
  const clients: pg.Client[] = [];

  beforeEach(async () => {
    server = await createTestDatabase();
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.end()));
    await server.drop();
  });

  const connect = async (connectionString: string) => {
    const client = new pg.Client({ connectionString });
    await client.connect();
    clients.push(client);
    return client;
  };
  const openAs = (url: string, service: ServiceName, more: (new () => MigrationInterface)[] = []) =>
    Database.open({
      url,
      schema: SERVICE_SCHEMAS[service],
      migrations: [CreateOutbox1700000000000, ...more],
      applicationName: 'spec',
    });
  const refusal = (client: pg.Client, text: string) =>
    client.query(text).then(
      () => 'allowed',
      (error: Error) => error.message,
    );

  it('owns its schema and may nothing beside it', async () => {
    const urls = await ensureServiceRoles(server.url, passwords);
    const watchdog = await openAs(urls['cost-watchdog'], 'cost-watchdog', [CreateThings1700000001000]);
    await watchdog.transaction((tx) => appendToOutbox(tx, [{ eventId: 'a', subject: 's', event: '{}' }]));
    await watchdog.close();
    await (await openAs(urls['agent-runner'], 'agent-runner')).close();

    const runner = await connect(urls['agent-runner']);
    await runner.query('CREATE TABLE sessions.more (id text)');
    for (const statement of [
      'SELECT * FROM ledger.things',
      `UPDATE ledger.things SET amount = 0`,
      'TRUNCATE ledger.outbox',
      'DO $$ BEGIN LOCK TABLE ledger.things; END $$',
      'SELECT name FROM ledger.locks FOR UPDATE',
      'DROP SCHEMA ledger CASCADE',
      'CREATE TABLE tasks.mine (id text)',
      'CREATE SCHEMA mine',
      'CREATE TABLE public.mine (id text)',
      'CREATE TEMPORARY TABLE mine (id text)',
      'CREATE ROLE mine',
      'SET ROLE purser',
      `SET ROLE "${server.name}_cost_watchdog"`,
      'SELECT * FROM pg_authid',
      `SELECT pg_read_file('/etc/passwd')`,
    ]) {
      expect([statement, await refusal(runner, statement)]).toEqual([
        statement,
        expect.stringMatching(/permission denied|must be owner/),
      ]);
    }
  });

  it('is kept out of other databases of ours, as everybody else is', async () => {
    const other = await createTestDatabase();
    const urls = await ensureServiceRoles(server.url, passwords);
    await ensureServiceRoles(other.url, passwords);
    const elsewhere = new URL(urls['agent-runner']);
    elsewhere.pathname = new URL(other.url).pathname;
    await expect(connect(elsewhere.href)).rejects.toThrow('permission denied for database');
    await other.drop();
  });

  it('takes over what an earlier owner made, and goes on with it', async () => {
    const before = await openAs(server.url, 'orchestrator', [CreateThings1700000001000]);
    await before.close();
    const urls = await ensureServiceRoles(server.url, passwords);
    const after = await openAs(urls.orchestrator, 'orchestrator', [
      CreateThings1700000001000,
      ChangeThings1700000002000,
    ]);
    expect(await after.query('SELECT amount, more FROM things')).toEqual([{ amount: 7n, more: null }]);
    await after.query(`INSERT INTO things (mood, amount) VALUES ('new', 8)`);
    await after.close();
    const owner = await connect(server.url);
    const { rows } = await owner.query(
      `SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = 'tasks'::regnamespace`,
    );
    expect(rows).toEqual([{ owner: `${server.name}_orchestrator` }]);
  });

  it('changes nothing the second time', async () => {
    const urls = await ensureServiceRoles(server.url, passwords);
    await (await openAs(urls.orchestrator, 'orchestrator', [CreateThings1700000001000])).close();
    const owner = await connect(server.url);
    // With the transaction that wrote each row last.
    const state = async () => {
      const { rows } = await owner.query(
        `SELECT 'role', xmin::text, rolname::text, rolpassword FROM pg_authid WHERE rolname LIKE $1 || '%'
         UNION ALL SELECT 'database', xmin::text, datname, datacl::text FROM pg_database WHERE datname = $1
         UNION ALL SELECT 'schema', xmin::text, nspname, nspacl::text FROM pg_namespace
         UNION ALL SELECT 'relation', xmin::text, relname, relacl::text FROM pg_class
           WHERE relnamespace = 'tasks'::regnamespace
         ORDER BY 1, 3`,
        [server.name],
      );
      return rows as unknown[];
    };
    const before = await state();
    expect(await ensureServiceRoles(server.url, passwords)).toEqual(urls);
    expect(await state()).toEqual(before);
  });

  it('is made once when several begin at once', async () => {
    const urls = await Promise.all([1, 2, 3, 4].map(() => ensureServiceRoles(server.url, passwords)));
    for (const { orchestrator } of urls) await connect(orchestrator);
  });

  it('gets the password that is in the secrets', async () => {
    await ensureServiceRoles(server.url, passwords);
    const urls = await ensureServiceRoles(server.url, { ...passwords, orchestrator: 'another one' });
    await connect(urls.orchestrator);
    expect(decodeURIComponent(new URL(urls.orchestrator).password)).toBe('another one');
  });

  it('is not taken from somebody else who may more', async () => {
    const owner = await connect(server.url);
    await owner.query(`CREATE ROLE "${server.name}_orchestrator" LOGIN CREATEROLE PASSWORD 'x'`);
    await expect(ensureServiceRoles(server.url, passwords)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(`"${server.name}_orchestrator"`) as string,
    });
  });

  it('is made by an owner who is no superuser too, who can then still read everything', async () => {
    const admin = await connect(server.url);
    const owner = `${server.name}_owner`;
    await admin.query(`CREATE ROLE "${owner}" LOGIN CREATEROLE PASSWORD 'managed'`);
    await admin.query(`ALTER DATABASE "${server.name}" OWNER TO "${owner}"`);
    const url = new URL(server.url);
    [url.username, url.password] = [owner, 'managed'];
    await (await openAs(url.href, 'orchestrator', [CreateThings1700000001000])).close();

    const urls = await ensureServiceRoles(url.href, passwords);
    await (
      await openAs(urls.orchestrator, 'orchestrator', [CreateThings1700000001000, ChangeThings1700000002000])
    ).close();
    expect(await ensureServiceRoles(url.href, passwords)).toEqual(urls);
    const again = await connect(url.href);
    expect((await again.query('SELECT amount FROM tasks.things')).rowCount).toBe(1);
    const runner = await connect(urls['agent-runner']);
    expect(await refusal(runner, 'SELECT * FROM tasks.things')).toMatch('permission denied');
    expect(await refusal(runner, 'CREATE TEMPORARY TABLE mine (id text)')).toMatch('permission denied');
  });

  it('says what is wrong when the server cannot be reached or the owner’s password is wrong', async () => {
    const wrong = new URL(server.url);
    wrong.password = 'secret';
    const failed = ensureServiceRoles(wrong.href, passwords);
    await expect(failed).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/as purser: password authentication failed/) as string,
    });
    await expect(failed).rejects.not.toThrow('secret');
  });
});
