// What a fenced checkpoint costs where the runner writes it, against a plain fenced INSERT (prepared, jsonb, one row under
// a lock of its task's) on the same Postgres, in turns; and how fast a large state is saved and read back.
//   npm run bench:checkpoints [-- --writes 3000 --large 128]
import 'reflect-metadata';
import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { CreateOutbox1700000000000, Database } from '@purser/database';
import { startPostgres } from '@purser/embedded';
import pg from 'pg';
import { migrations } from '../../apps/agent-runner/dist/index.js';
import { CheckpointsRepository } from '../../apps/agent-runner/dist/records/checkpoints.repository.js';
import { ChunksRepository } from '../../apps/agent-runner/dist/records/chunks.repository.js';
import { FencesRepository } from '../../apps/agent-runner/dist/records/fences.repository.js';
import { States } from '../../apps/agent-runner/dist/records/states.service.js';

const { values } = parseArgs({
  options: { writes: { type: 'string', default: '3000' }, large: { type: 'string', default: '128' } },
});
const WRITES = Number(values.writes);
const LARGE_MIB = Number(values.large);
const MIB = 1024 * 1024;
const BYTES = 2048;

const FLOOR = `INSERT INTO floor (task, n, epoch, data)
  SELECT id, $2, epoch, $4 FROM floor_task WHERE id = $1 AND epoch = $3 FOR SHARE`;

const folder = await mkdtemp(join(tmpdir(), 'purser-checkpoints-'));
const server = await startPostgres({
  dataDir: join(folder, 'postgres'),
  port: 0,
  password: 'bench',
  logFile: join(folder, 'postgres.log'),
});
try {
  const database = await Database.open({
    url: server.url,
    schema: 'sessions',
    migrations: [CreateOutbox1700000000000, ...migrations],
    applicationName: 'bench',
  });
  const floor = new pg.Client({ connectionString: server.url });
  await floor.connect();
  await floor.query(`CREATE TABLE floor_task (id bigint PRIMARY KEY, epoch int NOT NULL);
    CREATE TABLE floor (task bigint, n int, epoch int, data jsonb NOT NULL, PRIMARY KEY (task, n));
    INSERT INTO floor_task VALUES (1, 1)`);
  const writer = { taskId: 'bench', sessionId: 'bench-s1', epoch: 1 };
  await new FencesRepository(database).raise(writer);
  const checkpoints = new CheckpointsRepository(database, { PURSER_CHECKPOINTS_KEPT: 5 });
  const states = new States(new ChunksRepository(database));

  const stateOf = (n) =>
    JSON.stringify({
      n,
      text: randomBytes(BYTES * 0.37)
        .toString('hex')
        .padEnd(BYTES - 40, 'x'),
    });
  const attempt = (statement) => statement();
  const kinds = {
    floor: (n, text) => floor.query({ name: 'floor', text: FLOOR, values: [1, n, 1, text] }),
    ours: async (n, text) => {
      const state = await states.put(writer, [Buffer.from(text)], attempt);
      await checkpoints.save(writer, { ...state, number: n, commit: null, at: new Date() });
    },
  };
  const times = { floor: [], ours: [] };
  for (let n = 1; n <= WRITES; n += 1) {
    const text = stateOf(n);
    for (const kind of n % 2 ? ['floor', 'ours'] : ['ours', 'floor']) {
      const start = performance.now();
      await kinds[kind](n, text);
      if (n > WRITES / 10) times[kind].push(performance.now() - start);
    }
  }
  const quantile = (list, part) => [...list].sort((a, b) => a - b)[Math.floor(list.length * part)];
  const mean = (list) => list.reduce((sum, one) => sum + one, 0) / list.length;
  for (const [name, of] of [
    ['median', (list) => quantile(list, 0.5)],
    ['mean', mean],
    ['p99', (list) => quantile(list, 0.99)],
  ]) {
    const [plain, fenced] = [of(times.floor), of(times.ours)];
    console.log(
      `a checkpoint of 2 KiB, ${name}: ${fenced.toFixed(3)} ms, a plain fenced INSERT ${plain.toFixed(3)} ms: ${(fenced / plain).toFixed(2)} times`,
    );
  }

  const part = Buffer.from(stateOf(0).repeat(256));
  async function* source() {
    for (let left = LARGE_MIB * MIB; left > 0; left -= part.length) yield part.subarray(0, Math.min(left, part.length));
  }
  const began = performance.now();
  const large = await states.put(writer, source(), attempt);
  const saved = performance.now();
  const digest = await states.digestNow(writer.taskId, large);
  if (digest !== large.digest) throw new Error('what was read back is not what was saved');
  const seconds = [(saved - began) / 1000, (performance.now() - saved) / 1000];
  console.log(
    `a state of ${LARGE_MIB} MiB: saved in ${seconds[0].toFixed(2)} s, read and checked in ${seconds[1].toFixed(2)} s, ${Math.round(process.memoryUsage().rss / MIB)} MiB of memory in all`,
  );
  await floor.end();
  await database.close();
} finally {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
}
