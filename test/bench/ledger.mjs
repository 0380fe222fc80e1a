// What the ledger costs when it is large: the queries that people and gateways repeat, and the settlement of a batch, on a
// real Postgres with many entries of 60 days. What grows with the ledger and what does not is seen by two sizes:
//   npm run bench:ledger -- --entries 100000
//   npm run bench:ledger                        (10,000,000: about 8 GB of disk, and a while to fill)
//   npm run bench:ledger -- --folder /data/x    (keeps what was filled there for the next time)
import 'reflect-metadata';
import { mkdir, mkdtemp, readdir, readFile, rm, statfs } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Bus } from '@purser/bus';
import { Budget } from '@purser/contracts';
import { CreateOutbox1700000000000, Database } from '@purser/database';
import { startPostgres } from '@purser/embedded';
import { Clock, Latch, Log, Metrics, Outbox, systemClock } from '@purser/service';
import { ALERTS_FILE, AlertsFile } from '../../apps/cost-watchdog/dist/alerts/alerts-file.js';
import { RULES } from '../../apps/cost-watchdog/dist/app.module.js';
import { BUDGETS_FILE } from '../../apps/cost-watchdog/dist/budgets/budgets-file.js';
import { BudgetsService } from '../../apps/cost-watchdog/dist/budgets/budgets.service.js';
import { CostsService } from '../../apps/cost-watchdog/dist/costs/costs.service.js';
import { SpikeService } from '../../apps/cost-watchdog/dist/emergency/spike.service.js';
import { LedgerService } from '../../apps/cost-watchdog/dist/ledger/ledger.service.js';
import { SettlementService } from '../../apps/cost-watchdog/dist/ledger/settlement.service.js';
import { MIGRATIONS } from '../../apps/cost-watchdog/dist/migrations/index.js';
import { DailyCapService } from '../../apps/cost-watchdog/dist/notices/daily-cap.service.js';
import { SpendNotices } from '../../apps/cost-watchdog/dist/notices/spend-notices.service.js';
import { newId } from '../../apps/model-gateway/dist/calls/ids.js';
import { SPEND_THRESHOLDS, thresholdsOf } from '../../apps/cost-watchdog/dist/notices/spend-thresholds.js';

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '10000000' },
    rounds: { type: 'string', default: '41' },
    folder: { type: 'string' },
  },
});
const ENTRIES = Number(values.entries);
const ROUNDS = Number(values.rounds);
const BATCH = 500;
const BYTES_PER_ENTRY = 1_200;

const say = (text) => console.log(text);
const median = (times) => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];
const worst = (times) => Math.max(...times);

async function timed(rounds, work) {
  await work();
  const times = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return times;
}

/**
 * Milliseconds of a processor that Postgres has taken, so that other work on the machine does not count. Undefined where
 * there is no /proc to tell.
 */
async function cpuOf(postmaster) {
  let ticks = 0;
  for (const pid of await readdir('/proc').catch(() => [])) {
    const text = /^\d+$/.test(pid) ? await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '') : '';
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    if (Number(fields[1]) === postmaster) ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks === 0 ? undefined : ticks * 10;
}

async function withCpu(what, rounds, work, target) {
  const own = process.cpuUsage();
  const before = await cpuOf(postgres.pid);
  tell(what, await timed(rounds, work), target);
  const after = await cpuOf(postgres.pid);
  const { user, system } = process.cpuUsage(own);
  const each = (ms) => (ms / (rounds + 1)).toFixed(1);
  if (before !== undefined)
    say(`  processor time of each: Postgres ${each(after - before)} ms, here ${each((user + system) / 1000)} ms`);
}

const load = () =>
  say(
    `load average: ${loadavg()
      .map((one) => one.toFixed(1))
      .join(', ')}\n`,
  );

const tell = (what, times, target) =>
  say(
    `${what.padEnd(46)} median ${median(times).toFixed(1).padStart(7)} ms   worst ${worst(times).toFixed(1).padStart(7)} ms` +
      (target === undefined ? '' : `   target ${target} ms: ${median(times) < target ? 'met' : 'MISSED'}`),
  );

/** As the ledger was before it had rollups, so that the migration of a large one is timed too. */
const isRollup = ({ name }) => /17000000036\d\d$/.test(name);
const options = { schema: 'ledger', applicationName: 'bench', statementTimeoutMs: 3_600_000 };

async function fill(url) {
  const database = await Database.open({
    ...options,
    url,
    migrations: [CreateOutbox1700000000000, ...MIGRATIONS.filter((one) => !isRollup(one))],
  });
  const [{ there }] = await database.query('SELECT coalesce(max(seq), 0) AS there FROM entries');
  if (Number(there) >= ENTRIES) return database.close();
  // Indexes are made after the rows: the same tables in a fraction of the time.
  const indexes = await database.query(
    `SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'ledger' AND tablename = 'entries' AND indexname LIKE 'entries_by_%'`,
  );
  for (const { indexname } of indexes) await database.query(`DROP INDEX ${indexname}`);
  await database.query('ALTER TABLE entries DROP CONSTRAINT entries_attempt_id_key');
  const CHUNK = 500_000;
  for (let from = 0; from < ENTRIES; from += CHUNK) {
    // 40 models at 5 providers, 12 projects, 50 keys, 2,000 tasks; every twentieth call needed two attempts.
    await database.query(
      `INSERT INTO entries (attempt_id, call_id, gateway, provider, model, tier, capability, key, project, task, session,
         amount_nano, hold_nano, held_in, input_tokens, output_tokens, cached_tokens, price_row, usage_at, observed_at,
         counted_at, source, finality, outcome, latency_ms)
       SELECT 'attempt-' || at.hex || '-' || gen_random_uuid(),
              'call-' || at.hex || '-' || md5((n - CASE WHEN n % 20 = 1 THEN 1 ELSE 0 END)::text), 'g' || n % 3, 'provider' || n % 5,
              'model-' || n % 40, CASE WHEN n % 3 = 0 THEN 'tier_2_free' ELSE 'tier_1_paid' END,
              'capability-' || n % 6, 'key-' || n % 50, 'project-' || n % 12, 'task-' || n % 2000,
              'session-' || n % 20000, CASE WHEN n % 3 = 0 THEN 0 ELSE 1000 + n % 100000 END, 200000, '{}', 900, 150, 0,
              'builtin:x', at.at, at.at, at.at, 'metered', 'final', 'ok', 700
         FROM generate_series($1::bigint, $2::bigint) AS n
        CROSS JOIN LATERAL (SELECT now() - interval '60 days' * (1 - (n / 20 * 20)::float8 / $3::float8) AS at) AS used
        CROSS JOIN LATERAL (
          SELECT used.at, lpad(to_hex((extract(epoch FROM used.at) * 1000)::bigint), 12, '0') AS hex) AS at`,
      [from + 1, Math.min(from + CHUNK, ENTRIES), ENTRIES],
    );
  }
  await database.query('ALTER TABLE entries ADD CONSTRAINT entries_attempt_id_key UNIQUE (attempt_id)');
  for (const { indexdef } of indexes) await database.query(indexdef);
  await database.query('VACUUM ANALYZE entries');
  await database.close();
}

async function openRules(database) {
  const quiet = () => undefined;
  const log = { debug: quiet, info: quiet, warn: (_, text) => say(`warning: ${text}`), error: quiet, child: () => log };
  const bus = {
    connected: false,
    origin: { service: 'cost-watchdog', instance: 'bench' },
    publish: async () => undefined,
  };
  class Rules {}
  Module({
    providers: [
      ...RULES,
      { provide: Outbox, useValue: new Outbox(database, bus, log) },
      { provide: Database, useValue: database },
      { provide: Bus, useValue: bus },
      { provide: Clock, useValue: systemClock },
      { provide: Log, useValue: log },
      { provide: Latch, useValue: new Latch(systemClock) },
      { provide: Metrics, useValue: new Metrics('cost-watchdog') },
      { provide: ALERTS_FILE, useValue: AlertsFile.parse({}) },
      {
        provide: SPEND_THRESHOLDS,
        useValue: thresholdsOf({ COST_ALERT_DAILY: '1', COST_ALERT_WEEKLY: '5', COST_ALERT_MONTHLY: '20' }),
      },
      {
        provide: BUDGETS_FILE,
        useValue: {
          path: 'none',
          found: false,
          budgets: [],
          spikeRules: [{ percent: 1000, windowMinutes: 60, minUsd: '5' }],
        },
      },
    ],
  })(Rules);
  return NestFactory.createApplicationContext(Rules, { logger: ['error'], abortOnError: false });
}

/** As the rows are that it is filled with; a hundred tasks run at a time, each in one session. */
const spendOf = () => {
  const n = Math.floor(Math.random() * 1_000_000);
  const task = Math.floor(Math.random() * 100);
  const free = n % 3 === 0;
  return {
    // As the gateway makes them: in the order of time.
    attemptId: newId('attempt'),
    callId: newId('call'),
    gateway: 'g1',
    provider: `provider${n % 5}`,
    model: `model-${n % 40}`,
    tier: free ? 'tier_2_free' : 'tier_1_paid',
    capability: `capability-${n % 6}`,
    key: `key-${task % 50}`,
    project: `project-${task % 12}`,
    task: `task-${task}`,
    session: `session-${task}`,
    amountUsd: free ? '0' : '0.000050',
    holdUsd: '0.000100',
    windows: [],
    inputTokens: 900,
    outputTokens: 150,
    cachedTokens: 0,
    priceRow: 'builtin:x',
    usageAt: new Date().toISOString(),
    finality: 'final',
    outcome: 'ok',
    latencyMs: 700,
  };
};

const folder = values.folder ?? (await mkdtemp(join(tmpdir(), 'purser-bench-ledger-')));
await mkdir(folder, { recursive: true });
const { bavail, bsize } = await statfs(folder);
const isFilled = (await readdir(folder)).includes('postgres');
if (!isFilled && bavail * bsize < ENTRIES * BYTES_PER_ENTRY * 2) {
  throw new Error(
    `${ENTRIES} entries need ${(ENTRIES * BYTES_PER_ENTRY * 2) / 1e9} GB in ${folder}; use --entries or --folder`,
  );
}
const postgres = await startPostgres({
  dataDir: join(folder, 'postgres'),
  port: 0,
  password: 'bench',
  logFile: join(folder, 'postgres.log'),
  // As on a machine that is given to it; a laptop's Purser takes 48 MB.
  settings: { shared_buffers: '512MB', max_wal_size: '4GB' },
  durable: true,
});
try {
  let start = performance.now();
  await fill(postgres.url);
  say(
    `${ENTRIES.toLocaleString('en-US')} entries of 60 days, filled in ${((performance.now() - start) / 1000).toFixed(0)} s`,
  );
  start = performance.now();
  const database = await Database.open({
    ...options,
    url: postgres.url,
    migrations: [CreateOutbox1700000000000, ...MIGRATIONS],
  });
  say(`the migration that rolls them up took ${((performance.now() - start) / 1000).toFixed(0)} s`);
  const rules = await openRules(database);
  const budgets = rules.get(BudgetsService);
  for (const [id, period, more] of [
    ['month', 'month', {}],
    ['day', 'day', {}],
    ['one-provider', 'month', { scope: { provider: 'provider1' } }],
    ['one-project', 'week', { scope: { project: 'project-1' } }],
    ['rolling', { hours: 24 }, {}],
  ]) {
    const begun = performance.now();
    await budgets.set({ ...Budget.parse({ id, period, limitUsd: '100000', ...more }), by: 'bench', reason: '' });
    say(`budget ${id} set, its spend counted from the ledger, in ${(performance.now() - begun).toFixed(0)} ms`);
  }
  load();
  const costs = rules.get(CostsService);
  const ledger = rules.get(LedgerService);
  tell('costs.summary', await timed(ROUNDS, () => costs.summary()), 50);
  tell('costs.history, 31 days', await timed(ROUNDS, () => costs.history({ by: 'day', limit: 1000 })), 50);
  tell('costs.history, 48 hours', await timed(ROUNDS, () => costs.history({ by: 'hour', limit: 1000 })), 50);
  tell('budgets.list', await timed(ROUNDS, () => budgets.list({})), 50);
  tell('health', await timed(ROUNDS, () => rules.get(DailyCapService).health()), 50);
  tell('the look at thresholds and the cap', await timed(ROUNDS, () => rules.get(SpendNotices).check()), 50);
  tell('the look for spikes, 60 minutes', await timed(ROUNDS, () => rules.get(SpikeService).check()), 50);
  const id = () => Math.floor(Math.random() * 2000);
  tell('ledger.sum, one task', await timed(ROUNDS, () => ledger.sum({ by: 'task', ids: [`task-${id()}`] })), 50);
  tell(
    'ledger.sum, five providers',
    await timed(ROUNDS, () => ledger.sum({ by: 'provider', ids: [0, 1, 2, 3, 4].map((n) => `provider${n}`) })),
    50,
  );
  tell('ledger.query, newest 100', await timed(ROUNDS, () => ledger.query({ limit: 100 })), 50);
  tell(
    'ledger.query, newest 100 of a task',
    await timed(ROUNDS, () => ledger.query({ limit: 100, task: `task-${id()}` })),
    50,
  );
  tell(
    'ledger.query, newest 100 of a project',
    await timed(ROUNDS, () => ledger.query({ limit: 100, project: 'project-7' })),
    50,
  );
  tell(
    'ledger.query, of a project that is not there',
    await timed(ROUNDS, () => ledger.query({ limit: 100, project: 'nothing' })),
    50,
  );
  const since = new Date(Date.now() - 30 * 86_400_000);
  const until = new Date(since.getTime() + 3_600_000);
  tell(
    'ledger.query, an hour of a month ago',
    await timed(ROUNDS, () => ledger.query({ limit: 100, since: since.toISOString(), until: until.toISOString() })),
    50,
  );
  load();
  const settlement = rules.get(SettlementService);
  const batch = () => settlement.settle(Array.from({ length: BATCH }, () => spendOf()));
  await withCpu(`settling ${BATCH} new calls into five budgets`, ROUNDS, batch, 50);
  await database.query('ALTER TABLE entries DISABLE TRIGGER entries_rolled_up');
  await withCpu('  without the rollups, for comparison', ROUNDS, batch);
  await database.query('ALTER TABLE entries ENABLE TRIGGER entries_rolled_up');
  await rules.close();
  await database.close();
} finally {
  await postgres.stop();
  if (values.folder === undefined) {
    // Postgres may have had to keep them elsewhere.
    for (const one of [folder, postgres.dataDir]) await rm(one, { recursive: true, force: true });
  }
}
