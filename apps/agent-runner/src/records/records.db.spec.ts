import type { LogLine } from '@purser/contracts';
import { CreateOutbox1700000000000, Database } from '@purser/database';
import { createTestDatabase, type TestDatabase } from '@purser/testing';
import { migrations } from '../index.js';
import { ArtifactsRepository } from './artifacts.repository.js';
import { Artifacts } from './artifacts.service.js';
import { CheckpointsRepository } from './checkpoints.repository.js';
import { Checkpoints } from './checkpoints.service.js';
import { ChunksRepository } from './chunks.repository.js';
import type { Writer } from './fenced.js';
import { FencesRepository } from './fences.repository.js';
import { HandoffsRepository } from './handoffs.repository.js';
import { LogsRepository } from './logs.repository.js';
import { RecordsService } from './records.service.js';
import { States } from './states.service.js';
import { digestOf } from './stored-state.js';

const openDatabase = (url: string) =>
  Database.open({
    url,
    schema: 'sessions',
    migrations: [CreateOutbox1700000000000, ...migrations],
    applicationName: 'spec',
    poolSize: 4,
    connectTimeoutMs: 5_000,
  });

const CHECKPOINTS_KEPT = 5;

let test: TestDatabase;
let database: Database;
let fences: FencesRepository;
let checkpoints: CheckpointsRepository;
let handoffs: HandoffsRepository;
let logs: LogsRepository;
let found: Checkpoints;
let records: RecordsService;
const warnings: object[] = [];

beforeAll(async () => {
  const template = { name: 'sessions', build: async (url: string) => (await openDatabase(url)).close() };
  test = await createTestDatabase({ template });
  database = await openDatabase(test.url);
  fences = new FencesRepository(database);
  checkpoints = new CheckpointsRepository(database, { PURSER_CHECKPOINTS_KEPT: CHECKPOINTS_KEPT });
  handoffs = new HandoffsRepository(database);
  logs = new LogsRepository(database);
  const silent = () => undefined;
  const log = {
    debug: silent,
    info: silent,
    error: silent,
    warn: (fields: object) => warnings.push(fields),
    child: () => log,
  };
  const chunks = new ChunksRepository(database);
  const states = new States(chunks);
  const artifacts = new Artifacts(new ArtifactsRepository(database), states, chunks);
  found = new Checkpoints(checkpoints, states, chunks, log);
  records = new RecordsService(fences, found, handoffs, logs, artifacts);
});

afterAll(async () => {
  await database.close();
  await test.drop();
});

beforeEach(() => {
  warnings.length = 0;
});

let tasks = 0;
const newTask = () => `task-${(tasks += 1)}`;
const session = (taskId: string, epoch: number): Writer => ({ taskId, epoch, sessionId: `${taskId}-s${epoch}` });
const state = (text: string, number = 1) => {
  const bytes = Buffer.from(text);
  return {
    number,
    digest: digestOf(bytes),
    size: bytes.length,
    bytes,
    blob: null,
    chunks: 0,
    commit: null,
    at: new Date(),
  };
};
const lastOf = async (task: string) => (await found.last(task)).checkpoint;
const line = (seq: number, text = `line ${seq}`) => ({ seq, stream: 'stdout' as const, at: new Date(), text });
const stale = expect.objectContaining({ code: 'stale_epoch' }) as unknown;
const textsOf = (lines: LogLine[]) => lines.map(({ text }) => text);

describe('the fence', () => {
  it('refuses every write of an older session, and lets nothing of it through', async () => {
    const task = newTask();
    const [old, young] = [session(task, 1), session(task, 2)];
    await records.takeOver(old);
    await checkpoints.save(old, state('"old"'));
    await records.takeOver(young);
    await expect(checkpoints.save(old, state('"late"', 2))).rejects.toEqual(stale);
    await expect(handoffs.save(old, '# late', new Date())).rejects.toEqual(stale);
    await expect(logs.append(old, [line(1)])).rejects.toEqual(stale);
    await expect(records.takeOver(old)).rejects.toEqual(stale);
    expect(await checkpoints.newest(task)).toMatchObject({ number: 1, bytes: Buffer.from('"old"') });
    expect(await checkpoints.newest(task, 1)).toBeUndefined();
    expect(await handoffs.find(task)).toBeUndefined();
    expect(await logs.lastSeq(task)).toBe(0);
  });

  it('is raised again by the same session without harm, and not by another one of the same epoch', async () => {
    const task = newTask();
    await records.takeOver(session(task, 4));
    await records.takeOver(session(task, 4));
    await expect(records.takeOver({ ...session(task, 4), sessionId: 'impostor' })).rejects.toEqual(stale);
  });

  it('refuses a session that never raised it', async () => {
    await expect(logs.append(session(newTask(), 1), [line(1)])).rejects.toEqual(stale);
  });

  it('lets a new session see either all or nothing of a write that races with it', async () => {
    for (let round = 0; round < 20; round += 1) {
      const task = newTask();
      const [old, young] = [session(task, 1), session(task, 2)];
      await records.takeOver(old);
      const [written, taken] = await Promise.allSettled([
        checkpoints.save(old, state('"race"')),
        records.takeOver(young),
      ]);
      if (taken.status === 'rejected') throw taken.reason;
      expect(taken.value.checkpoint !== undefined).toBe(written.status === 'fulfilled');
    }
  });
});

describe('checkpoints', () => {
  it('are given back as they were saved, the newest first', async () => {
    const task = newTask();
    await records.takeOver(session(task, 1));
    await checkpoints.save(session(task, 1), state('{"n": 9}', 9));
    await records.takeOver(session(task, 2));
    await checkpoints.save(session(task, 2), state('{"n":  1}', 1));
    const last = await lastOf(task);
    expect({ ...last, bytes: Buffer.from(last!.bytes!).toString() }).toMatchObject({
      epoch: 2,
      number: 1,
      bytes: '{"n":  1}',
    });
    expect(await records.checkpoint(task)).toMatchObject({ taskId: task, epoch: 2, number: 1, state: { n: 1 } });
  });

  it('are replaced by a write that is repeated under the same number', async () => {
    const task = newTask();
    const writer = session(task, 1);
    await records.takeOver(writer);
    await checkpoints.save(writer, state('"first try"'));
    await checkpoints.save(writer, state('"newer state"'));
    expect(await records.checkpoint(task)).toMatchObject({ number: 1, state: 'newer state' });
  });

  it('fall back to the one before when one is damaged', async () => {
    const task = newTask();
    const writer = session(task, 1);
    await records.takeOver(writer);
    await checkpoints.save(writer, state('"good"', 1));
    await checkpoints.save(writer, state('"bad"', 2));
    await database.query(`UPDATE checkpoints SET bytes = 'x' WHERE task_id = $1 AND number = 2`, [task]);
    expect(await records.checkpoint(task)).toMatchObject({ number: 1, state: 'good' });
    expect(warnings).toEqual([expect.objectContaining({ taskId: task, number: 2 })]);
  });

  it('are kept in a small number', async () => {
    const task = newTask();
    const writer = session(task, 1);
    await records.takeOver(writer);
    for (let number = 1; number <= CHECKPOINTS_KEPT + 3; number += 1)
      await checkpoints.save(writer, state(`${number}`, number));
    const [row] = await database.query<{ kept: number; oldest: number }>(
      'SELECT count(*)::int AS kept, min(number) AS oldest FROM checkpoints WHERE task_id = $1',
      [task],
    );
    expect(row).toEqual({ kept: CHECKPOINTS_KEPT, oldest: 4 });
  });

  it('show bytes that are no JSON as they are, and say when there is none', async () => {
    const task = newTask();
    await expect(records.checkpoint(task)).rejects.toMatchObject({ code: 'not_found' });
    await records.takeOver(session(task, 1));
    await checkpoints.save(session(task, 1), state('\u0001 no json'));
    expect(await records.checkpoint(task)).toMatchObject({
      state: { base64: Buffer.from('\u0001 no json').toString('base64') },
    });
  });
});

it('keeps one handoff document per session, and finds the last or a given one', async () => {
  const task = newTask();
  for (const epoch of [1, 2]) {
    await records.takeOver(session(task, epoch));
    await handoffs.save(session(task, epoch), '# draft', new Date());
    await handoffs.save(session(task, epoch), `# of ${epoch}`, new Date());
  }
  expect(await records.handoff(task)).toMatchObject({ epoch: 2, markdown: '# of 2' });
  expect(await records.handoff(task, 1)).toMatchObject({ epoch: 1, markdown: '# of 1' });
  await expect(records.handoff(task, 3)).rejects.toMatchObject({ code: 'not_found' });
});

describe('logs', () => {
  it('are read in pages, across sessions', async () => {
    const task = newTask();
    await records.takeOver(session(task, 1));
    await logs.append(session(task, 1), [line(1), line(2)]);
    await records.takeOver(session(task, 2));
    await logs.append(session(task, 2), [line(3)]);
    const first = await records.readLogs(task, 0, 2);
    expect([textsOf(first.lines), first.next]).toEqual([['line 1', 'line 2'], 2]);
    const second = await records.readLogs(task, first.next, 2);
    expect(second.lines).toMatchObject([
      { seq: 3, epoch: 2, sessionId: `${task}-s2`, stream: 'stdout', text: 'line 3' },
    ]);
    expect(await records.readLogs(task, 3, 2)).toEqual({ lines: [], next: 3 });
  });

  it('are stored once when a batch is sent twice', async () => {
    const task = newTask();
    await records.takeOver(session(task, 1));
    await logs.append(session(task, 1), [line(1), line(2)]);
    await logs.append(session(task, 1), [line(1), line(2)]);
    expect((await records.readLogs(task, 0, 10)).lines).toHaveLength(2);
  });

  it('are cut by bytes, so that a page fits into a message', async () => {
    const task = newTask();
    await records.takeOver(session(task, 1));
    const long = 'x'.repeat(16 * 1024);
    await logs.append(
      session(task, 1),
      Array.from({ length: 100 }, (_, n) => line(n + 1, long)),
    );
    const page = await records.readLogs(task, 0, 5_000);
    expect(page.lines).toHaveLength(64);
    expect((await records.readLogs(task, page.next, 5_000)).lines[0]?.seq).toBe(65);
  });

  it('lose their oldest lines beyond the bounds, by number and by size', async () => {
    const task = newTask();
    await records.takeOver(session(task, 1));
    await logs.append(
      session(task, 1),
      Array.from({ length: 20 }, (_, n) => line(n + 1)),
    );
    expect(await logs.trim(task, { lines: 10, bytes: 1e9 })).toBe(10);
    expect((await records.readLogs(task, 0, 100)).lines[0]?.seq).toBe(11);
    // Each row counts as its text and 64 bytes: 5 of them fit.
    expect(await logs.trim(task, { lines: 1e9, bytes: 5 * (64 + 'line 20'.length) })).toBe(5);
    expect(await logs.trim(task, { lines: 10, bytes: 1e9 })).toBe(0);
    expect(await logs.lastSeq(task)).toBe(20);
  });
});
