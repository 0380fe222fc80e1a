// How long an emergency takes: 50 sessions on three runners, each a program that does not heed SIGTERM, from the call of
// emergency.trigger until the last of them is gone from the process table. Once with no grace period, once with the default.
//   npm run bench:shutdown [-- --sessions 50 --rounds 5 --json]
// It ends with code 1 when a program outlived the grace period by more than a second. Needs a build, and Linux.
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Bus } from '@purser/bus';
import { emergencyReset, emergencyTrigger, tasksCancel, tasksCreate } from '@purser/contracts';
import { ended, startStack } from './stack.mjs';

const { values: args } = parseArgs({
  options: {
    sessions: { type: 'string', default: '50' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});
const sessions = Number(args.sessions);
const rounds = Number(args.rounds);
const RUNNERS = 3;
const DEFAULT_GRACE_MS = 10_000;
/** The shortest that a runner can be told. */
const NO_GRACE_MS = 1;
const ALLOWED_MS = 1_000;
const AGENT = { argv: ['sh', '-c', "trap '' TERM; exec sleep 100000"] };

const folder = await mkdtemp(join(tmpdir(), 'purser-shutdown-'));
// As root, programs run as another user, who must come through.
await chmod(folder, 0o755);
const stack = await startStack({
  folder,
  env: { PURSER_LOG_LEVEL: 'error' },
  budgets: { budgets: [] },
  models: {},
  plugins: { plugins: [{ use: '@purser/command' }] },
});
const bus = await Bus.connect({ url: stack.natsUrl, service: 'orchestrator', instance: 'bench' });

const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)];

/** Pids of the programs of this round, seen from outside of whatever namespace they are in. */
async function programs(round) {
  const found = [];
  for (const pid of await readdir('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const [environ, command] = await Promise.all(
      ['environ', 'cmdline'].map((file) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '')),
    );
    if (environ.includes(`BENCH_ROUND=${round}\0`) && command.startsWith('sleep')) found.push(Number(pid));
  }
  return found;
}

/** A zombie is dead. */
function lives(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2));
  } catch {
    return false;
  }
}

async function started(round) {
  for (let index = 0; index < sessions; index++)
    await bus.call(tasksCreate, {
      id: `${round}-${index}`,
      executor: 'command',
      input: { ...AGENT, env: { BENCH_ROUND: round } },
    });
  for (const end = Date.now() + 120_000; ; await wait(200)) {
    const pids = await programs(round);
    if (pids.length === sessions) return pids;
    if (Date.now() > end) throw new Error(`only ${pids.length} of ${sessions} sessions run`);
  }
}

/** Milliseconds from the trigger to the death of each. */
async function stopped(pids) {
  const begin = performance.now();
  const triggered = bus.call(emergencyTrigger, { by: 'bench', reason: 'a measurement' });
  const deaths = [];
  for (let left = pids; left.length > 0; await wait(2)) {
    const now = performance.now() - begin;
    if (now > 60_000) throw new Error(`${left.length} programs are still alive after a minute`);
    const alive = left.filter(lives);
    deaths.push(...Array.from({ length: left.length - alive.length }, () => now));
    left = alive;
  }
  await triggered;
  return deaths;
}

async function measure(name, graceMs, times) {
  const runners = await Promise.all(
    Array.from({ length: RUNNERS }, (_, index) =>
      stack.launchRunner({
        PURSER_INSTANCE: `${name}-${index}`,
        PURSER_RUNNER_SLOTS: String(Math.ceil(sessions / RUNNERS)),
        PURSER_GRACE_MS: String(graceMs),
        PURSER_GATEWAY_URL: gateway.url,
      }),
    ),
  );
  const all = [];
  const lasts = [];
  for (let time = 0; time < times; time++) {
    const round = `${name}-${time}`;
    const deaths = await stopped(await started(round));
    all.push(...deaths);
    lasts.push(Math.max(...deaths));
    for (let index = 0; index < sessions; index++) await bus.call(tasksCancel, { id: `${round}-${index}` });
    await bus.call(emergencyReset, { by: 'bench', reason: 'measured' }, { timeoutMs: 20_000 });
  }
  for (const { child } of runners) await ended(child);
  all.sort((a, b) => a - b);
  const figures = { p50: quantile(all, 0.5), p99: quantile(all, 0.99), last: Math.max(...lasts) };
  return {
    name,
    graceMs,
    rounds: times,
    deaths: all.length,
    ...Object.fromEntries(Object.entries(figures).map(([key, value]) => [key, Math.round(value)])),
    lasts: lasts.map(Math.round),
    within: figures.p99 <= graceMs + ALLOWED_MS,
  };
}

let gateway;
try {
  gateway = await stack.launchGateway();
  await stack.launchOrchestrator();
  const results = [
    await measure('no-grace', NO_GRACE_MS, rounds),
    await measure('default-grace', DEFAULT_GRACE_MS, Math.max(1, Math.floor(rounds / 2))),
  ];
  if (args.json) console.log(JSON.stringify(results));
  else {
    console.log(
      `${sessions} sessions on ${RUNNERS} runners, ${cpus().length} processors; milliseconds from emergency.trigger`,
    );
    console.table(results, ['name', 'graceMs', 'rounds', 'deaths', 'p50', 'p99', 'last', 'within']);
    for (const { name, lasts } of results) console.log(`${name}: the last death of each round: ${lasts.join(', ')}`);
  }
  if (results.some(({ within }) => !within)) process.exitCode = 1;
} finally {
  await bus.close();
  await stack.stop();
  await rm(folder, { recursive: true, force: true });
}
