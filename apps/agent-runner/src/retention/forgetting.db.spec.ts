import { CreateOutbox1700000000000, Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { migrations } from '../index.js';
import { CheckpointsRepository } from '../records/checkpoints.repository.js';
import { FencesRepository } from '../records/fences.repository.js';
import { HandoffsRepository } from '../records/handoffs.repository.js';
import { LogsRepository } from '../records/logs.repository.js';
import { ForgettingRepository } from './forgetting.repository.js';

jest.setTimeout(60_000);

const open = (url: string) =>
  Database.open({
    url,
    schema: 'sessions',
    migrations: [CreateOutbox1700000000000, ...migrations],
    applicationName: 'spec',
    poolSize: 4,
    connectTimeoutMs: 5_000,
  });

describe('what the sessions of archived tasks left', () => {
  let test: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    test = await createTestDatabase({
      template: { name: 'sessions', build: async (url: string) => (await open(url)).close() },
    });
    database = await open(test.url);
  });

  afterAll(async () => {
    await database?.close();
    await test?.drop();
  });

  const leave = async (taskId: string) => {
    const writer = { taskId, epoch: 1, sessionId: `${taskId}-s1` };
    await new FencesRepository(database).raise(writer);
    const digest = `sha256:${'0'.repeat(64)}`;
    const state = { digest, bytes: Buffer.from('{}'), size: 2, blob: null, chunks: 0 };
    const checkpoint = { ...state, number: 1, commit: null, at: new Date() };
    await new CheckpointsRepository(database, { PURSER_CHECKPOINTS_KEPT: 5 }).save(writer, checkpoint);
    await new HandoffsRepository(database).save(writer, '# Rest', new Date());
    await new LogsRepository(database).append(writer, [{ seq: 1, stream: 'stdout', at: new Date(), text: 'x' }]);
    return writer;
  };
  /** Rows in each table that names a task. */
  const left = async (taskId: string) => {
    const counts: Record<string, number> = {};
    for (const table of ['fences', 'checkpoints', 'handoffs', 'logs']) {
      const rows = await database.query(`SELECT 1 FROM ${table} WHERE task_id = $1`, [taskId]);
      counts[table] = rows.length;
    }
    return counts;
  };

  it('is deleted, all of it and nothing of others, also in tables that came later, and no old session writes again', async () => {
    await database.query('CREATE TABLE later (task_id text REFERENCES fences (task_id))');
    const gone = await leave('gone');
    await leave('kept');
    await database.query(`INSERT INTO later VALUES ('gone'), ('kept')`);
    const forgetting = new ForgettingRepository(database);
    for (let round = 0; round < 2; round++) await forgetting.forget(['gone', 'never-was']);
    expect(await left('gone')).toEqual({ fences: 0, checkpoints: 0, handoffs: 0, logs: 0 });
    expect(await left('kept')).toEqual({ fences: 1, checkpoints: 1, handoffs: 1, logs: 1 });
    expect(await database.query('SELECT task_id FROM later')).toEqual([{ task_id: 'kept' }]);
    const late = new HandoffsRepository(database).save(gone, '# Late', new Date());
    await expect(late).rejects.toMatchObject({ code: 'stale_epoch' });
  });
});
