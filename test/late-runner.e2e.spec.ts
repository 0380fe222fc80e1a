import { readFile } from 'node:fs/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { environmentOf, runningPrograms } from '@purser/guard';
import { createTestDatabase, eventually, type TestDatabase } from '@purser/testing';
import { Client } from 'pg';
import { System, type TaskSeen } from './system.js';

jest.setTimeout(120_000);

/** Saves, journals, hands off and prints ten times a second, heeds no SIGTERM, and goes on when it is refused. */
const writer = [
  'node',
  '-e',
  `
  process.on('SIGTERM', () => {});
  const epoch = process.env.PURSER_EPOCH;
  const post = (path, body) =>
    fetch(process.env.PURSER_CONTROL_URL + '/' + path, { method: 'POST', body: JSON.stringify(body) }).catch(() => {});
  (async () => {
    for (let n = 1; ; n += 1) {
      await post('effects/begin', { key: epoch + '-' + n });
      await post('checkpoint', { epoch, n });
      await post('handoff', '# ' + epoch + ' ' + n);
      await post('effects/finish', { key: epoch + '-' + n, result: n });
      console.log(epoch + ' ' + n);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  `,
];

/** All that a session has written, each row as text. */
const ROWS = `
  SELECT 'checkpoint ' || c::text AS row FROM sessions.checkpoints c WHERE task_id = $1 AND epoch = $2
  UNION ALL SELECT 'handoff ' || h::text FROM sessions.handoffs h WHERE task_id = $1 AND epoch = $2
  UNION ALL SELECT 'log ' || l::text FROM sessions.logs l WHERE task_id = $1 AND epoch = $2
  UNION ALL SELECT 'effect ' || e::text FROM sessions.effects e WHERE task_id = $1 AND epoch = $2`;

function withDescendants(pid: number): number[] {
  const programs = runningPrograms();
  const found = [pid];
  for (const parent of found) found.push(...programs.filter(({ ppid }) => ppid === parent).map((one) => one.pid));
  return found;
}

const programsOf = (sessionId: string): number[] =>
  runningPrograms()
    .map(({ pid }) => pid)
    .filter((pid) => environmentOf(pid)?.get('PURSER_SESSION_ID') === sessionId);

/** A runner that stands still beyond its leases and then goes on has lost its sessions, and nothing that it does counts. */
describe('a late runner', () => {
  let database: TestDatabase;
  let sql: Client;
  let system: System;
  let nats: NatsConnection;

  beforeAll(async () => {
    database = await createTestDatabase();
    system = await System.start({ databaseUrl: database.url });
    await system.launch('agent-runner', 'second-runner');
    nats = await connect({ servers: system.nats.url });
    sql = new Client({ connectionString: database.url });
    await sql.connect();
  });

  afterAll(async () => {
    await sql?.end();
    await nats?.close();
    await system?.stop();
    await database?.drop();
  });

  const written = async (id: string, epoch: number): Promise<string[]> =>
    (await sql.query<{ row: string }>(ROWS, [id, epoch])).rows.map(({ row }) => row);
  const get = async (id: string) => (await system.api<TaskSeen>('GET', `/v1/tasks/${id}`)).body;

  it.each([
    ['late-alone', 'alone', (runner: number) => [runner]],
    ['late-with-all', 'with its guard and its programs', withDescendants],
  ])('%s: that stood still %s writes nothing, is told, and its programs are killed', async (id, _name, toFreeze) => {
    await system.api('POST', '/v1/tasks', { id, executor: 'command', input: { argv: writer } });
    await eventually(async () => expect((await written(id, 1)).length).toBeGreaterThan(10));
    const first = (await get(id)).sessions[0]!;
    const late = first.runner === 'second-runner' ? system.instance('second-runner') : system.instance('agent-runner');
    const lostBefore = (await readFile(late.logFile, 'utf8')).split('a session was lost').length;
    const frozen = toFreeze(late.pid);
    for (const pid of frozen) process.kill(pid, 'SIGSTOP');
    const goOn = () => frozen.toReversed().forEach((pid) => process.kill(pid, 'SIGCONT'));
    const takenOver = async () => {
      await eventually(async () => expect((await written(id, 2)).length).toBeGreaterThan(0), { timeoutMs: 40_000 });
      if (frozen.length === 1) expect(programsOf(first.id)).toEqual([]);
      return written(id, 1);
    };
    const before = await takenOver().finally(goOn);
    // It has had its say when it has noticed and nothing of its session is left.
    await eventually(async () => {
      expect((await readFile(late.logFile, 'utf8')).split('a session was lost').length).toBe(lostBefore + 1);
      expect(programsOf(first.id)).toEqual([]);
    });
    const finish = { requestId: `${id}-late`, runner: first.runner, taskId: id, epoch: 1 };
    const outcome = { kind: 'completed', result: 'late' };
    const answer = await nats.request('work.finish', JSON.stringify({ ...finish, outcome }), { timeout: 5_000 });
    expect(answer.json()).toMatchObject({ error: { code: 'stale_epoch' } });
    // Older checkpoints may have been cleared away by now; none may have come or changed.
    const known = new Set(before);
    expect((await written(id, 1)).filter((row) => !known.has(row))).toEqual([]);
    const task = await get(id);
    expect(task).toMatchObject({ state: 'running', epoch: 2 });
    expect(task.sessions.map(({ outcome }) => outcome)).toEqual(['lost', null]);
    const size = (await written(id, 2)).length;
    await eventually(async () => expect((await written(id, 2)).length).toBeGreaterThan(size));
    await system.api('POST', `/v1/tasks/${id}/cancel`);
    await system.taskIn(id, 'cancelled');
  });
});
