// What an installation costs that has nothing to do: `npm start` with its own servers and a data folder of its own, left
// alone; statements by service, messages, and of each program the processor time as a share of one core and the memory.
//   npm run bench:idle [-- --seconds 60 --quiet-after 60 --top 15 --json]
// The first start makes the data; the second one, with pg_stat_statements, is measured. BEGIN and COMMIT count as statements.
// Services run in one process, so that processor time is not told apart by service. Needs a build, and Linux.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { findNatsServer, freePort } from '@purser/embedded';
import pg from 'pg';

const { values: args } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    'quiet-after': { type: 'string', default: '60' },
    top: { type: 'string', default: '15' },
    /** Of configuration; that of the clone when it is not given. */
    config: { type: 'string' },
    profile: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const seconds = Number(args.seconds);
const root = join(import.meta.dirname, '..', '..');
const folder = await mkdtemp(join(tmpdir(), 'purser-idle-'));
// As root, Postgres and programs run as other users, who must come through.
await chmod(folder, 0o755);

const PORTS = ['NATS', 'POSTGRES', 'GATEWAY', 'API', 'WATCHDOG', 'RUNNER', 'OFFLOAD'];
const ports = Object.fromEntries(
  await Promise.all(PORTS.map(async (name) => [`PURSER_${name}_PORT`, String(await freePort())])),
);
const monitor = await freePort();
const nats = await findNatsServer({ env: process.env, cacheDir: join(root, 'node_modules', '.cache', 'purser') });
// The same server, which also tells how many messages went through it.
const counted = join(folder, 'nats-server');
await writeFile(counted, `#!/bin/sh\nexec '${nats.path}' -m ${monitor} "$@"\n`, { mode: 0o755 });

async function start(nodeArgs = []) {
  const child = spawn(process.execPath, [...nodeArgs, join(root, 'apps', 'cli', 'dist', 'main.js'), 'up', '--json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      PURSER_HOME: join(folder, 'home'),
      ...(args.config === undefined ? {} : { PURSER_CONFIG_DIR: args.config }),
      NATS_SERVER_BIN: counted,
      ...ports,
    },
  });
  const failed = once(child, 'exit').then(([code]) => {
    throw new Error(`it ended with code ${code} before it was ready`);
  });
  failed.catch(() => undefined);
  await Promise.race([once(createInterface({ input: child.stdout }), 'line'), failed]);
  return child;
}

async function stop(child) {
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

async function ask(sql) {
  const password = (await readFile(join(folder, 'home', 'secrets', 'postgres.password'), 'utf8')).trim();
  const client = new pg.Client({
    host: '127.0.0.1',
    port: Number(ports.PURSER_POSTGRES_PORT),
    user: 'purser',
    database: 'purser',
    password,
  });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** What was counted since the last reset, without the bench's own. */
const statements = () =>
  ask(
    `SELECT rolname AS "user", calls::int, total_exec_time AS ms, regexp_replace(query, '\\s+', ' ', 'g') AS query
       FROM pg_stat_statements JOIN pg_roles ON pg_roles.oid = userid
      WHERE query !~ 'pg_stat_' ORDER BY calls DESC`,
  );

async function messages() {
  const { in_msgs: published, out_msgs: delivered } = await (await fetch(`http://127.0.0.1:${monitor}/varz`)).json();
  return { published, delivered };
}

/** Of each program, the one and those below it: clock ticks of processor time, with what ended children took, and memory. */
async function usage(top) {
  const all = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => undefined);
    if (stat === undefined) continue;
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    all.push({
      pid: Number(pid),
      name: stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')),
      parent: Number(fields[1]),
      own: Number(fields[11]) + Number(fields[12]),
      ended: Number(fields[13]) + Number(fields[14]),
      // What is shared counts for each by its part. Of a process that has just ended there is none.
      kilobytes: Number(
        /^Pss: +(\d+)/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, 'latin1').catch(() => ''))?.[1] ?? 0,
      ),
    });
  }
  const sums = new Map();
  const add = ({ pid, own, ended, kilobytes }, group) => {
    const sum = sums.get(group) ?? { ticks: 0, kilobytes: 0 };
    sums.set(group, {
      ticks: sum.ticks + own + (pid === top ? 0 : ended),
      kilobytes: sum.kilobytes + kilobytes,
    });
    for (const child of all.filter(({ parent }) => parent === pid)) {
      add(child, pid === top ? (/postgres|nats-server/.exec(child.name)?.[0] ?? 'other programs') : group);
    }
  };
  add(
    all.find(({ pid }) => pid === top),
    'purser',
  );
  return sums;
}

const rate = (count) => Math.round((count / seconds) * 100) / 100;

let child = await start();
try {
  await ask(`ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'`);
  await stop(child);
  child = await start(
    args.profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${args.profile}`, '--cpu-prof-interval=200'],
  );
  await ask('CREATE EXTENSION pg_stat_statements');
  await wait(Number(args['quiet-after']) * 1_000);

  const sentBefore = await messages();
  const usedBefore = await usage(child.pid);
  await ask('SELECT pg_stat_statements_reset()');
  const began = performance.now();
  await wait(seconds * 1_000);
  const took = (performance.now() - began) / 1_000;
  const used = await usage(child.pid);
  const sent = await messages();
  const counts = await statements();

  const byUser = {};
  for (const { user, calls } of counts) byUser[user] = (byUser[user] ?? 0) + calls;
  const result = {
    seconds: Math.round(took * 10) / 10,
    statementsPerSecond: {
      all: rate(counts.reduce((sum, { calls }) => sum + calls, 0)),
      ...Object.fromEntries(Object.entries(byUser).map(([user, calls]) => [user, rate(calls)])),
    },
    messagesPerSecond: {
      published: rate(sent.published - sentBefore.published),
      delivered: rate(sent.delivered - sentBefore.delivered),
    },
    percentOfACore: Object.fromEntries(
      [...used].map(([name, { ticks }]) => [
        name,
        Math.round(((ticks - (usedBefore.get(name)?.ticks ?? 0)) / took) * 100) / 100,
      ]),
    ),
    megabytes: Object.fromEntries([...used].map(([name, { kilobytes }]) => [name, Math.round(kilobytes / 1024)])),
    statements: counts
      .slice(0, Number(args.top))
      .map(({ user, calls, ms, query }) => ({ perSecond: rate(calls), user, ms: Math.round(ms), query })),
  };
  for (const shares of [result.percentOfACore, result.megabytes])
    shares.all = Math.round(Object.values(shares).reduce((a, b) => a + b, 0) * 100) / 100;
  if (args.json) console.log(JSON.stringify(result, null, 2));
  else {
    console.log(`\n${result.seconds} s at rest`);
    console.table(result.statementsPerSecond);
    console.table({ 'percent of a core': result.percentOfACore, megabytes: result.megabytes });
    console.log('messages a second:', result.messagesPerSecond);
    for (const { perSecond, user, ms, query } of result.statements)
      console.log(`${String(perSecond).padStart(6)}/s ${String(ms).padStart(5)} ms  ${user}: ${query.slice(0, 150)}`);
  }
} finally {
  await stop(child);
  await rm(folder, { recursive: true, force: true });
}
