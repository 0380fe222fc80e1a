import { randomBytes } from 'node:crypto';
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
import { digestOf, PIECE_BYTES, STATE_LIMIT_BYTES } from './stored-state.js';

const KEPT = 2;
const MIB = 1024 * 1024;

let test: TestDatabase;
let database: Database;
let checkpoints: CheckpointsRepository;
let states: States;
let artifacts: Artifacts;
let found: Checkpoints;
let records: RecordsService;

const openDatabase = (url: string) =>
  Database.open({
    url,
    schema: 'sessions',
    migrations: [CreateOutbox1700000000000, ...migrations],
    applicationName: 'spec',
    poolSize: 4,
    connectTimeoutMs: 5_000,
  });

beforeAll(async () => {
  test = await createTestDatabase({
    template: { name: 'sessions', build: async (url: string) => (await openDatabase(url)).close() },
  });
  database = await openDatabase(test.url);
  const silent = () => undefined;
  const log = { debug: silent, info: silent, error: silent, warn: silent, child: () => log };
  const chunks = new ChunksRepository(database);
  checkpoints = new CheckpointsRepository(database, { PURSER_CHECKPOINTS_KEPT: KEPT });
  states = new States(chunks);
  artifacts = new Artifacts(new ArtifactsRepository(database), states, chunks);
  found = new Checkpoints(checkpoints, states, chunks, log);
  const [handoffs, logs] = [new HandoffsRepository(database), new LogsRepository(database)];
  records = new RecordsService(new FencesRepository(database), found, handoffs, logs, artifacts);
});

afterAll(async () => {
  await database.close();
  await test.drop();
});

let tasks = 0;
const session = (taskId: string, epoch: number): Writer => ({ taskId, epoch, sessionId: `${taskId}-s${epoch}` });
const begin = async (taskId = `large-${(tasks += 1)}`, epoch = 1) => {
  await records.takeOver(session(taskId, epoch));
  return session(taskId, epoch);
};
const once = (statement: () => Promise<void>) => statement();
const save = async (writer: Writer, bytes: Uint8Array, number = 1) => {
  const state = await states.put(writer, [bytes], once);
  await checkpoints.save(writer, { ...state, number, commit: null, at: new Date() });
  return state;
};
const piecesOf = async (taskId: string) => {
  const [row] = await database.query<{ count: number }>(
    'SELECT count(*)::int AS count FROM chunks WHERE task_id = $1',
    [taskId],
  );
  return row?.count;
};
const readAll = async (taskId: string) => {
  const { checkpoint } = await found.last(taskId);
  const pieces: Uint8Array[] = [];
  for await (const piece of found.read(taskId, checkpoint!)) pieces.push(piece);
  return Buffer.concat(pieces);
};

it('keeps a small state in its row, and a larger one in pieces, byte for byte', async () => {
  const writer = await begin();
  const small = randomBytes(MIB);
  expect(await save(writer, small)).toMatchObject({ size: MIB, blob: null, chunks: 0 });
  expect(await readAll(writer.taskId)).toEqual(small);
  const large = randomBytes(3 * MIB + 17);
  expect(await save(writer, large, 2)).toMatchObject({ size: large.length, bytes: null, chunks: 4 });
  expect(await piecesOf(writer.taskId)).toBe(4);
  expect((await readAll(writer.taskId)).equals(large)).toBe(true);
});

it('takes 64 MiB that come in odd parts, compressed, without ever holding them', async () => {
  const writer = await begin();
  const part = Buffer.alloc(77_777, 'state ');
  let [given, most] = [0, 0];
  const before = process.memoryUsage().arrayBuffers;
  async function* source() {
    for (; given < 64 * MIB; given += part.length) {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      yield part;
      await Promise.resolve();
    }
  }
  const state = await states.put(writer, source(), once);
  expect(state).toMatchObject({ size: given, chunks: Math.ceil(given / PIECE_BYTES) });
  const [row] = await database.query<{ bytes: number }>(
    'SELECT sum(octet_length(bytes))::int AS bytes FROM chunks WHERE task_id = $1',
    [writer.taskId],
  );
  expect(row!.bytes).toBeLessThan(MIB);
  expect(most).toBeLessThan(48 * MIB);
});

it('refuses what is above the limit, and leaves nothing of it', async () => {
  const writer = await begin();
  const part = Buffer.alloc(16 * MIB);
  const parts = Array.from({ length: STATE_LIMIT_BYTES / part.length }, () => part);
  await expect(states.put(writer, [...parts, Buffer.alloc(1)], once)).rejects.toMatchObject({
    code: 'payload_too_large',
  });
  expect(await piecesOf(writer.taskId)).toBe(0);
});

it('shows no half of a state whose writer died, and clears it away when the next session begins', async () => {
  const writer = await begin();
  const whole = randomBytes(2 * MIB);
  await save(writer, whole);
  async function* dies() {
    yield randomBytes(3 * MIB);
    await new Promise(() => undefined);
  }
  // As a runner that is killed: it never comes to its end.
  void states.put(writer, dies(), once);
  while ((await piecesOf(writer.taskId))! < 5);
  expect((await readAll(writer.taskId)).equals(whole)).toBe(true);
  await begin(writer.taskId, 2);
  expect(await piecesOf(writer.taskId)).toBe(2);
  expect((await readAll(writer.taskId)).equals(whole)).toBe(true);
});

it('takes no piece of an old session', async () => {
  const old = await begin();
  await begin(old.taskId, 2);
  await expect(states.put(old, [randomBytes(2 * MIB)], once)).rejects.toMatchObject({ code: 'stale_epoch' });
  expect(await piecesOf(old.taskId)).toBe(0);
});

it.each([
  ['is changed', `UPDATE chunks SET bytes = bytes || 'x' WHERE task_id = $1 AND blob = $2 AND number = 1`],
  ['is missing', `DELETE FROM chunks WHERE task_id = $1 AND blob = $2 AND number = 1`],
])('falls back to the state before when a piece %s, and says so', async (_, damage) => {
  const writer = await begin();
  const good = randomBytes(2 * MIB);
  await save(writer, good);
  const { blob, digest } = await save(writer, randomBytes(2 * MIB), 2);
  await database.query(damage, [writer.taskId, blob]);
  const { checkpoint, damaged } = await records.takeOver(session(writer.taskId, 2));
  expect(checkpoint).toMatchObject({ epoch: 1, number: 1 });
  expect(Buffer.from(checkpoint!.bytes!).equals(good)).toBe(true);
  expect(damaged).toEqual([
    { epoch: 1, number: 2, digest, found: expect.stringMatching(/unreadable|sha256/) as string },
  ]);
});

it('removes the pieces of states that are no longer kept', async () => {
  const writer = await begin();
  for (let number = 1; number <= 4; number += 1) await save(writer, randomBytes(2 * MIB), number);
  expect(await piecesOf(writer.taskId)).toBe(KEPT * 2);
});

it('gives a state out in pieces, and says when another has taken its place', async () => {
  const writer = await begin();
  const { taskId: id } = writer;
  const large = randomBytes(2 * MIB + 1);
  await save(writer, large);
  expect(await records.checkpoint(id)).toMatchObject({ inline: false, state: null, size: large.length });
  const first = await records.content({ id, piece: 0 });
  expect(first).toMatchObject({ digest: digestOf(large), size: large.length, pieces: 3 });
  const rest = await Promise.all([1, 2].map((piece) => records.content({ id, digest: first.digest, piece })));
  expect(Buffer.concat([first, ...rest].map(({ bytes }) => Buffer.from(bytes, 'base64'))).equals(large)).toBe(true);
  for (const number of [2, 3]) await save(writer, Buffer.from(`"${number}"`), number);
  await save(writer, randomBytes(2 * MIB), 4);
  await expect(records.content({ id, digest: first.digest, piece: 1 })).rejects.toMatchObject({ code: 'conflict' });
});

describe('artifacts', () => {
  const file = (name: string) => ({ name, kind: 'file' as const, at: new Date() });

  it('are kept, listed, read and replaced', async () => {
    const writer = await begin();
    const { taskId: id } = writer;
    await artifacts.keep(writer, file('b.bin'), [randomBytes(2 * MIB)], once);
    await artifacts.keep(writer, file('a.txt'), [Buffer.from('first')], once);
    await artifacts.link(writer, { ...file('pr'), kind: 'pull_request', link: 'https://forge.example/1' }, once);
    const newer = randomBytes(MIB + 5);
    await artifacts.keep(writer, file('b.bin'), [newer], once);
    expect(await artifacts.list(id)).toMatchObject([
      { name: 'a.txt', kind: 'file', size: 5, link: null },
      { name: 'b.bin', size: newer.length, digest: digestOf(newer) },
      { name: 'pr', kind: 'pull_request', digest: null, link: 'https://forge.example/1' },
    ]);
    expect(await piecesOf(id)).toBe(2);
    const pieces = await Promise.all([0, 1].map((piece) => records.content({ id, artifact: 'b.bin', piece })));
    expect(Buffer.concat(pieces.map(({ bytes }) => Buffer.from(bytes, 'base64'))).equals(newer)).toBe(true);
    await expect(records.content({ id, artifact: 'none', piece: 0 })).rejects.toMatchObject({ code: 'not_found' });
    await expect(records.content({ id, artifact: 'pr', piece: 0 })).rejects.toThrow('https://forge.example/1');
  });

  it('of an old session are refused, and of one task they are bounded', async () => {
    const old = await begin();
    await begin(old.taskId, 2);
    await expect(artifacts.keep(old, file('late'), [Buffer.from('x')], once)).rejects.toMatchObject({
      code: 'stale_epoch',
    });
    const writer = session(old.taskId, 2);
    await database.query(
      `INSERT INTO artifacts (task_id, name, kind, epoch, size, at) SELECT $1, 'n' || n, 'file', 2, 0, now() FROM generate_series(1, 200) n`,
      [old.taskId],
    );
    await expect(artifacts.keep(writer, file('more'), [Buffer.from('x')], once)).rejects.toThrow('as many as it may');
    await artifacts.keep(writer, file('n7'), [Buffer.from('x')], once);
  });
});
