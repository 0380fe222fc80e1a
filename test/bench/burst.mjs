// A bill with a hard ceiling, shown by the provider's own count: three gateways, many callers at once, random prices and
// sizes, $1. Three acts, each with a dollar of its own: nothing goes wrong; callers leave in mid-stream; a gateway is killed
// with SIGKILL in the middle and callers leave, too.
//   npm run bench:burst [-- --callers 200 --calls 3000 --seed 1 --json]
// It ends with code 1 when a dollar was overrun. Needs a build.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Bus } from '@purser/bus';
import { budgetsList, keysCreate } from '@purser/contracts';
import { formatUsd, parseUsd } from '@purser/money';
import { spawnModelServer } from '@purser/testing';
import { scene, script } from './burst-scene.mjs';
import { startStack } from './stack.mjs';

const { values: args } = parseArgs({
  options: {
    callers: { type: 'string', default: '200' },
    /** In each act: enough for about twice the budget. */
    calls: { type: 'string', default: '1200' },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const callers = Number(args.callers);
const calls = Number(args.calls);
const seed = Number(args.seed);

const LIMIT_USD = '1.00';
const GATEWAYS = 3;
const ACTS = {
  steady: {},
  leaving: { leaving: 0.3 },
  killed: { leaving: 0.3, kill: true },
};

/** Calls in the callers' process; `watch` hears how many are done. */
async function called(orders, watch = () => undefined) {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'burst-callers.mjs')], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(JSON.stringify(orders));
  let last = {};
  for await (const line of createInterface({ input: child.stdout })) {
    last = JSON.parse(line);
    if (last.done !== undefined) watch(last.done);
  }
  if (last.outcomes === undefined) throw new Error('the callers ended early');
  return last;
}

const { upstream, ladders } = scene(seed);
const folder = await mkdtemp(join(tmpdir(), 'purser-burst-'));
const models = await spawnModelServer(
  { models: upstream },
  join(import.meta.dirname, '../../libs/testing/dist/model-server/main.js'),
);
let stack;
let bus;
const results = [];
try {
  stack = await startStack({
    folder,
    budgets: {
      budgets: [
        // A dollar for each act, and one budget that several acts share.
        ...Object.keys(ACTS).map((id) => ({ id, scope: { key: id }, period: 'total', limitUsd: LIMIT_USD })),
        { id: 'vendor', scope: { provider: 'openai' }, period: 'day', limitUsd: '100' },
      ],
    },
    models: ladders,
    env: { BURST_KEY: 'sk-burst', PURSER_LOG_LEVEL: 'error' },
    plugins: {
      plugins: [
        { use: '@purser/openai', config: { baseUrl: models.openaiBaseUrl, apiKeyEnv: 'BURST_KEY' } },
        { use: '@purser/anthropic', config: { baseUrl: models.url, apiKeyEnv: 'BURST_KEY' } },
      ],
    },
  });
  const gateways = [];
  for (let n = 0; n < GATEWAYS; n += 1) gateways.push(await stack.launchGateway({ PURSER_INSTANCE: `gateway-${n}` }));
  bus = await Bus.connect({ url: stack.natsUrl, service: 'cli', instance: 'burst' });
  const budget = async (id) => (await bus.call(budgetsList, {})).budgets.find((one) => one.id === id);

  /** Once nothing is under way and nothing is held but by who was killed. */
  const settled = async (id, killed) => {
    for (const end = Date.now() + 60_000; ; await wait(200)) {
      const { window } = await budget(id);
      const held = parseUsd(window.leasedUsd) - (killed ? parseUsd(window.presumedUsd) : 0n);
      if ((await models.read()).counters.running === 0 && held === 0n) return window;
      if (Date.now() > end) throw new Error(`${id}: ${window.leasedUsd} are still leased after 60 s`);
    }
  };

  for (const [act, { leaving, kill }] of Object.entries(ACTS)) {
    const { secret } = await bus.call(keysCreate, { id: act, name: act });
    await models.clearScript();
    await script(models, seed + results.length, Math.min(240, Math.ceil(calls / 3)));
    const urls = gateways.map(({ url }) => url);
    const before = (await models.read()).counters.billedNano;
    const started = performance.now();
    const common = { key: secret, seed: seed + results.length };
    const seen = await called({ ...common, gateways: urls, callers, calls, leaving }, (done) => {
      if (kill && done === Math.ceil(calls / 8)) gateways[GATEWAYS - 1].child.kill('SIGKILL');
    });
    const seconds = (performance.now() - started) / 1000;
    const window = await settled(act, kill);
    const billed = (await models.read()).counters.billedNano - before;
    // Each of these calls is dearer on every paid tier than what is left by now.
    const living = kill ? urls.slice(0, -1) : urls;
    const after = await called({
      ...common,
      gateways: living,
      callers: 10,
      calls: 30,
      promptBytes: 60_000,
      maxTokens: 4_000,
    });
    const afterwards = (await models.read()).counters.billedNano - before - billed;
    results.push({
      act,
      limitUsd: LIMIT_USD,
      billedUsd: formatUsd(billed),
      ledgerUsd: window.settledUsd,
      presumedUsd: window.presumedUsd,
      seconds: Number(seconds.toFixed(1)),
      ...seen,
      after: { ...after, billedUsd: formatUsd(afterwards) },
    });
  }
} finally {
  await bus?.close();
  await stack?.stop();
  await models.stop();
  await rm(folder, { recursive: true, force: true });
}

if (args.json) console.log(JSON.stringify(results));
else
  for (const { act, outcomes, troubles, after, ...figures } of results) {
    console.log(`\n${act}`);
    console.table(figures);
    console.table(outcomes);
    console.log('after exhaustion:', JSON.stringify(after.outcomes), 'billed', after.billedUsd);
    for (const trouble of [...troubles, ...after.troubles].slice(0, 10)) console.log(`trouble: ${trouble}`);
  }
const overrun = results.filter(
  ({ billedUsd, ledgerUsd, presumedUsd, after }) =>
    parseUsd(billedUsd) > parseUsd(LIMIT_USD) ||
    parseUsd(ledgerUsd) + parseUsd(presumedUsd) < parseUsd(billedUsd) ||
    after.billedUsd !== '0.00',
);
if (overrun.length > 0) process.exitCode = 1;
