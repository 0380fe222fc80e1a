// What a claim costs with little and with much waiting, on an own Postgres, without the bus: the statements of the
// orchestrator as it runs them, one claim of one task after the other, so many in each case, interleaved.
//   npm run bench:claims [-- --many 1000000 --claims 600 --cases 2]
// Needs a build.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { startPostgres } from '@purser/embedded';
import { CreateOutbox1700000000000, Database } from '@purser/database';
import { LabelLanes } from '../../apps/orchestrator/dist/labels/label-lanes.js';
import { LabelLimitsRepository } from '../../apps/orchestrator/dist/labels/label-limits.repository.js';
import { MIGRATIONS } from '../../apps/orchestrator/dist/migrations/index.js';
import { ClaimsRepository } from '../../apps/orchestrator/dist/work/claims.repository.js';
import { Handout } from '../../apps/orchestrator/dist/work/handout.js';

const { values: args } = parseArgs({
  options: {
    few: { type: 'string', default: '1000' },
    many: { type: 'string', default: '1000000' },
    claims: { type: 'string', default: '600' },
    /** How many of the cases, from the first on: filling them takes minutes. */
    cases: { type: 'string', default: '4' },
  },
});
const few = Number(args.few);
const many = Number(args.many);
const claims = Number(args.claims);

const folder = await mkdtemp(join(tmpdir(), 'purser-claims-'));
const postgres = await startPostgres({
  dataDir: join(folder, 'postgres'),
  port: 0,
  password: 'bench',
  logFile: join(folder, 'postgres.log'),
  settings: {},
  durable: true,
});

/** One claim as the orchestrator makes it, without the bus: its facts are plain rows of the outbox. */
class Claims {
  constructor(database) {
    this.database = database;
    const lanes = new LabelLanes(new LabelLimitsRepository(database));
    const facts = {
      startedBy: () => '{"id":"%1$s-%3$s-started","subject":"task.started.%1$s","data":"%2$s"}',
    };
    this.handout = new Handout(database, new ClaimsRepository(database), lanes, { limitedWait: false }, facts);
  }

  static async open(url) {
    const migrations = [CreateOutbox1700000000000, ...MIGRATIONS];
    const settings = { enable_seqscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off', jit: 'off' };
    const options = {
      url,
      schema: 'tasks',
      migrations,
      applicationName: 'purser bench',
      statementTimeoutMs: 600_000,
      settings,
    };
    return new Claims(await Database.open(options));
  }

  async claim(executor) {
    const asked = { requestId: randomUUID(), runner: 'bench', slots: 1, executors: [executor], leaseMs: 3_600_000 };
    return (await this.handout.start(asked)).length;
  }
}

const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)];

/** In its own executor; `aside` of them cannot be handed out. */
async function fill(on, executor, count, aside = {}) {
  const { labels = '{}', delayed = false, priority = 5 } = aside;
  await on.database.query(
    `INSERT INTO tasks (id, executor, input, input_bytes, priority, depends_on, labels, limits, max_sessions, retries, state,
       budget_ready, available_at)
     SELECT gen_random_uuid(), $1, '{}', 2, $3, '{}', $4::text[], '{}', 100, 0, 'ready', true, $5::timestamptz
     FROM generate_series(1, $2)`,
    [executor, count, priority, labels, delayed ? 'infinity' : '-infinity'],
  );
}

try {
  const all = [
    { name: `${few} waiting`, make: (on) => fill(on, 'bench', few) },
    { name: `${many} waiting`, make: (on) => fill(on, 'bench', many) },
    {
      name: `${few} waiting behind ${many} that are not due`,
      make: async (on) => {
        await fill(on, 'bench', many, { delayed: true, priority: 9 });
        await fill(on, 'bench', few);
      },
    },
    {
      name: `${few} waiting behind ${many} whose label is at its limit`,
      make: async (on) => {
        await on.database.query(`INSERT INTO label_limits (label, concurrency) VALUES ('full', 0)`);
        await fill(on, 'bench', many, { labels: '{full}', priority: 9 });
        await fill(on, 'bench', few);
      },
    },
  ];
  const cases = all.slice(0, Number(args.cases));
  for (const one of cases) {
    one.url = await database(`claims${cases.indexOf(one)}`);
    one.on = await Claims.open(one.url);
    await one.make(one.on);
    await one.on.database.query('VACUUM ANALYZE tasks');
    const from = performance.now();
    // The first claims set aside what cannot be handed out.
    one.firstClaims = 0;
    while ((await one.on.claim('bench')) === 0) one.firstClaims += 1;
    one.firstMs = performance.now() - from;
    await one.on.database.query('VACUUM ANALYZE tasks');
    one.took = [];
  }
  for (let round = -50; round < Math.min(claims, few - 100); round++) {
    for (const one of cases) {
      const from = performance.now();
      await one.on.claim('bench');
      if (round >= 0) one.took.push(performance.now() - from);
    }
  }
  console.log('| case | claims | p50 ms | p99 ms | p99 against the first | to set aside what is not for now |');
  console.log('|---|--:|--:|--:|--:|--:|');
  let first;
  for (const { name, took, firstClaims, firstMs } of cases) {
    const sorted = took.toSorted((a, b) => a - b);
    const p99 = quantile(sorted, 0.99);
    first ??= p99;
    const aside = firstClaims > 0 ? `${firstClaims} claims, ${(firstMs / 1_000).toFixed(1)} s` : '';
    console.log(
      `| ${name} | ${sorted.length} | ${quantile(sorted, 0.5).toFixed(2)} | ${p99.toFixed(2)} | ${(p99 / first).toFixed(2)} | ${aside} |`,
    );
  }
  for (const { on } of cases) await on.database.close();
} finally {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
}

async function database(name) {
  const { default: pg } = await import('pg');
  const client = new pg.Client(postgres.url);
  await client.connect();
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  return url.href;
}
