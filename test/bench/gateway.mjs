// Puts a gateway (a process of its own, with budgets, a key, metering and the ledger on) in front of an upstream that
// speaks OpenAI's protocol, and writes a targets file for a benchmark harness:
//   npm run bench:gateway -- --upstream http://127.0.0.1:9100 --out targets.json [--keys 10000] [--budgets 1000]
// It runs until it is interrupted. With --profile FOLDER the gateway writes a CPU profile there when it ends; --node=FLAGS
// are for its Node.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startStack } from './stack.mjs';

const { values: args } = parseArgs({
  options: {
    upstream: { type: 'string', default: 'http://127.0.0.1:9100' },
    out: { type: 'string', default: 'targets.json' },
    keys: { type: 'string', default: '1' },
    budgets: { type: 'string', default: '3' },
    model: { type: 'string', default: 'gpt-4o-mini' },
    profile: { type: 'string' },
    node: { type: 'string', default: '' },
  },
});

const count = Number(args.budgets);
const folder = await mkdtemp(join(tmpdir(), 'purser-bench-'));
const stack = await startStack({
  folder,
  budgets: {
    budgets: [
      { id: 'all', scope: {}, period: 'month', limitUsd: '100000' },
      { id: 'vendor', scope: { provider: 'openai' }, period: 'day', limitUsd: '100000' },
      { id: 'team', scope: { project: 'bench' }, period: 'week', limitUsd: '100000' },
      // The others are of no concern to these calls, as most budgets are to most calls.
      ...Array.from({ length: Math.max(0, count - 3) }, (_, index) => ({
        id: `other-${index}`,
        scope: { project: `other-${index}` },
        period: 'month',
        limitUsd: '100',
      })),
    ],
  },
  models: {
    bench: {
      tier_1_paid: {
        provider: 'openai',
        model: args.model,
        price: { inputPerMillionUsd: '0.15', cachedPerMillionUsd: '0.075', outputPerMillionUsd: '0.6' },
        maxOutputTokens: 16384,
      },
    },
  },
  env: { BENCH_KEY: 'sk-bench' },
  plugins: { plugins: [{ use: '@purser/openai', config: { baseUrl: `${args.upstream}/v1`, apiKeyEnv: 'BENCH_KEY' } }] },
});
try {
  const orchestrator = await stack.launchOrchestrator();
  const profile = args.profile === undefined ? '' : `--cpu-prof --cpu-prof-dir=${args.profile}`;
  const gateway = await stack.launchGateway({ NODE_OPTIONS: `${args.node} ${profile}`.trim() });
  const admin = await stack.adminKey();
  const createKey = async (id) => {
    const answer = await fetch(`${orchestrator.url}/v1/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
      body: JSON.stringify({ id, name: id, project: 'bench' }),
    });
    if (answer.status !== 201) throw new Error(`a key: ${answer.status} ${await answer.text()}`);
    return (await answer.json()).secret;
  };
  const secret = await createKey('bench');
  let made = 1;
  const createOthers = async () => {
    while (made < Number(args.keys)) await createKey(`bench-${made++}`);
  };
  await Promise.all(Array.from({ length: 32 }, createOthers));
  await writeFile(
    args.out,
    `${JSON.stringify([
      {
        name: 'purser',
        url: `${gateway.url}/v1`,
        headers: { authorization: `Bearer ${secret}` },
        pid: gateway.child.pid,
      },
    ])}\n`,
  );
  console.log(`purser listens at ${gateway.url}; ${args.out} is written. Interrupt to end.`);
  await new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve);
  });
} finally {
  await stack.stop();
  await rm(folder, { recursive: true, force: true });
}
