// How long a runaway goes on: callers that ask a gateway for paid answers as fast as they get them, from their first call
// until a subscriber of NATS hears emergency.shutdown, until the latch is told as set, and until the gateway refuses.
//   npm run bench:spike [-- --callers 8 --rounds 20 --json]
// What was overspent is what the provider billed beyond what the rule allows. It ends with code 1 when a round took more
// than 5 s until the shutdown was heard. Needs a build.
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Bus } from '@purser/bus';
import { emergencyReset, emergencyShutdown, emergencyStatus, keysCreate } from '@purser/contracts';
import { formatUsd, parseUsd } from '@purser/money';
import { spawnModelServer } from '@purser/testing';
import { startStack } from './stack.mjs';

const { values: args } = parseArgs({
  options: {
    callers: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
});
const callers = Number(args.callers);
const rounds = Number(args.rounds);

const MOST_MS = 5_000;
const PATIENCE_MS = 30_000;
/** An answer of 100 tokens costs about a cent; a hundred calls are more than the rule allows. */
const PRICE = { inputPerMillionUsd: '1', outputPerMillionUsd: '100' };
const MONTH_USD = '100';
const RULE = { percent: 1, windowMinutes: 60, minUsd: '1' };
const ALLOWED_USD = '1.00';

const folder = await mkdtemp(join(tmpdir(), 'purser-spike-'));
const models = await spawnModelServer(
  { models: { dear: PRICE } },
  join(import.meta.dirname, '../../libs/testing/dist/model-server/main.js'),
);
let stack;
let bus;

const median = (times) => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];

/** Asks until the gateway refuses because of the emergency. */
async function caller(url, key, begin, seen) {
  while (performance.now() - begin < PATIENCE_MS) {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'writing', messages: [{ role: 'user', content: 'more' }], max_tokens: 100 }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    await response.text();
    if (response.status === 403) {
      seen.refused ??= performance.now() - begin;
      return;
    }
    if (response.ok) seen.calls += 1;
  }
}

async function latched(begin, seen) {
  while (performance.now() - begin < PATIENCE_MS) {
    const { latch } = await bus.call(emergencyStatus, {});
    if (latch.active) {
      seen.latched = performance.now() - begin;
      return;
    }
    await wait(5);
  }
}

/** Milliseconds from the first call of this runaway. */
async function runaway(url, key) {
  const billedBefore = (await models.read()).counters.billedNano;
  const seen = { calls: 0 };
  const begin = performance.now();
  const subscription = bus.connection.subscribe(emergencyShutdown.name, {
    callback: () => (seen.heard ??= performance.now() - begin),
  });
  await bus.connection.flush();
  await Promise.all([latched(begin, seen), ...Array.from({ length: callers }, () => caller(url, key, begin, seen))]);
  subscription.unsubscribe();
  for (const name of ['heard', 'latched', 'refused'])
    if (seen[name] === undefined) throw new Error(`the shutdown was not ${name} within ${PATIENCE_MS / 1000} s`);
  const billed = (await models.read()).counters.billedNano - billedBefore;
  return { ...seen, billed };
}

/** Until the gateway pays again: a reset reaches it a moment later. */
async function paysAgain(url, key) {
  await bus.call(emergencyReset, { by: 'bench', reason: 'measured' }, { timeoutMs: 20_000 });
  for (const end = Date.now() + PATIENCE_MS; ; await wait(50)) {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'writing', messages: [{ role: 'user', content: 'one' }], max_tokens: 1 }),
    });
    await response.text();
    if (response.ok) return;
    if (Date.now() > end) throw new Error(`the gateway still answers ${response.status} after the reset`);
  }
}

const results = [];
try {
  stack = await startStack({
    folder,
    budgets: { budgets: [{ id: 'month', period: 'month', limitUsd: MONTH_USD }], spikeRules: [RULE] },
    models: {
      writing: { tier_1_paid: { provider: 'openai', model: 'dear', price: PRICE, maxOutputTokens: 100 } },
    },
    env: { SPIKE_KEY: 'sk-spike', PURSER_LOG_LEVEL: 'error' },
    plugins: {
      plugins: [{ use: '@purser/openai', config: { baseUrl: models.openaiBaseUrl, apiKeyEnv: 'SPIKE_KEY' } }],
    },
  });
  const { url } = await stack.launchGateway();
  bus = await Bus.connect({ url: stack.natsUrl, service: 'cli', instance: 'spike' });
  const { secret } = await bus.call(keysCreate, { id: 'runaway', name: 'runaway' });
  await models.script({ outputTokens: 100, latencyMs: 20 }, { model: 'dear' });
  for (let round = 0; round < rounds; round += 1) {
    await paysAgain(url, secret);
    // The gateway's first spend of a round is not to come with what the reset left.
    await wait(500 + Math.random() * 3_000);
    results.push(await runaway(url, secret));
  }
} finally {
  await bus?.close();
  await stack?.stop();
  await models.stop();
  await rm(folder, { recursive: true, force: true });
}

const figures = Object.fromEntries(
  ['heard', 'latched', 'refused'].map((name) => {
    const times = results.map((one) => one[name]);
    return [name, { median: Math.round(median(times)), worst: Math.round(Math.max(...times)) }];
  }),
);
const overspent = results.map(({ billed }) => billed - parseUsd(ALLOWED_USD)).sort((a, b) => Number(a - b));
const beyond = {
  medianUsd: formatUsd(overspent[Math.floor(overspent.length / 2)]),
  worstUsd: formatUsd(overspent.at(-1)),
};
if (args.json) console.log(JSON.stringify({ callers, rounds, figures, beyond }));
else {
  const load = loadavg()[0].toFixed(1);
  console.log(
    `${callers} callers, ${rounds} rounds, ${cpus().length} processors, load ${load}; milliseconds from the first call`,
  );
  console.table(figures);
  console.log(
    `billed beyond the $${ALLOWED_USD} that the rule allows: median $${beyond.medianUsd}, worst $${beyond.worstUsd}`,
  );
}
if (figures.heard.worst > MOST_MS) process.exitCode = 1;
