// How long large bodies hold up the other calls of a gateway (a process of its own): each shape of a body in each protocol,
// to a provider that speaks it and to one that does not, while small calls go on all the time.
//   npm run bench:large [-- --only picture --rounds 5 --at-once 1 --json]
// "busy" is the longest that the gateway's thread computed without looking at anything else, "late" by how much its event
// loop was late at most (on a machine that others use, too, it is more); "small" is how long small calls took meanwhile,
// from their due time; all in ms, with the quiet gateway in the first line for comparison.
import { Buffer } from 'node:buffer';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { large, SHAPES } from './large-bodies.mjs';
import { startStack } from './stack.mjs';

const EVERY_MS = 20;
const MOST_OPEN = 50;

function post({ url, path, key, agent }, bytes) {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${url}${path}`,
      {
        method: 'POST',
        agent,
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'content-length': bytes.length,
        },
      },
      (answer) => {
        const parts = [];
        answer.on('data', (part) => parts.push(part));
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode, text: Buffer.concat(parts).toString() }));
      },
    );
    sent.on('error', reject);
    sent.end(bytes);
  });
}

/** Small calls at a steady pace, in a thread of its own, so that sending large bodies does not hold it up. */
function probe({ url, key }) {
  const agent = new Agent({ keepAlive: true });
  const bytes = Buffer.from(
    JSON.stringify({ model: 'plain', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 10 }),
  );
  let took = [];
  let troubles = 0;
  let open = 0;
  let due = performance.now();
  const next = () => {
    for (; due <= performance.now(); due += EVERY_MS) {
      if (open >= MOST_OPEN) continue;
      const began = due;
      open += 1;
      post({ url, path: '/v1/chat/completions', key, agent }, bytes)
        .then(
          ({ status }) => (status === 200 ? took.push(performance.now() - began) : (troubles += 1)),
          () => (troubles += 1),
        )
        .finally(() => (open -= 1));
    }
    setTimeout(next, Math.max(0, due - performance.now()));
  };
  next();
  parentPort.on('message', () => {
    parentPort.postMessage({ took, troubles });
    took = [];
    troubles = 0;
  });
}

const round = (value) => Math.round(value * 10) / 10;
const quantile = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0;

async function main() {
  const { values: args } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      rounds: { type: 'string', default: '5' },
      'at-once': { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
    },
  });
  const folder = await mkdtemp(join(tmpdir(), 'purser-large-'));
  const upstream = spawn(process.execPath, [join(import.meta.dirname, 'large-upstream.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [address] = await once(createInterface({ input: upstream.stdout }), 'line');
  const tier = (provider) => ({
    tier_1_paid: {
      provider,
      model: 'bench',
      price: {
        inputPerMillionUsd: '0.1',
        cachedPerMillionUsd: '0.1',
        cacheWritePerMillionUsd: '0.1',
        outputPerMillionUsd: '0.1',
      },
      maxOutputTokens: 1_000,
    },
  });
  const key = { apiKeyEnv: 'BENCH_KEY' };
  const loopFile = join(folder, 'loop.jsonl');
  let stack;
  let worker;
  const rows = [];
  try {
    stack = await startStack({
      folder,
      budgets: { budgets: [{ id: 'all', scope: {}, period: 'month', limitUsd: '1000000' }] },
      models: { plain: tier('plain'), openai: tier('openai'), anthropic: tier('anthropic') },
      env: { BENCH_KEY: 'sk-bench', LOOP_DELAY_FILE: loopFile },
      plugins: {
        plugins: [
          { use: '@purser/openai', name: 'plain', config: { baseUrl: `${address}/v1`, ...key } },
          {
            use: '@purser/openai',
            config: { baseUrl: `${address}/v1`, protocols: ['chat-completions', 'responses'], ...key },
          },
          { use: '@purser/anthropic', config: { baseUrl: address, ...key } },
        ],
      },
    });
    const gateway = await stack.launchGateway({
      NODE_OPTIONS: `--import=${join(import.meta.dirname, 'loop-delay.mjs')}`,
    });
    const secret = await stack.adminKey();
    const agent = new Agent({ keepAlive: true });
    const call = (path, bytes) => post({ url: gateway.url, path, key: secret, agent }, bytes);
    const figures = async () => {
      const before = (await readFile(loopFile, 'utf8').catch(() => '')).length;
      gateway.child.kill('SIGUSR2');
      for (;;) {
        const now = await readFile(loopFile, 'utf8').catch(() => '');
        if (now.length > before) return JSON.parse(now.slice(before));
        await wait(5);
      }
    };
    worker = new Worker(import.meta.filename, { workerData: { url: gateway.url, key: secret } });
    const small = async () => {
      worker.postMessage('report');
      const [report] = await once(worker, 'message');
      return report;
    };
    const measure = async (name, work) => {
      await small();
      await figures();
      const began = performance.now();
      await work();
      const tookMs = performance.now() - began;
      const { took, troubles } = await small();
      const { lateMs, busyMs, rss } = await figures();
      took.sort((a, b) => a - b);
      const row = {
        name,
        busyMs: round(busyMs),
        lateMs: round(lateMs),
        p50: round(quantile(took, 0.5)),
        p99: round(quantile(took, 0.99)),
        max: round(took.at(-1) ?? 0),
        callMs: round(tookMs / Number(args.rounds)),
        rssMiB: Math.round(rss / 1024 / 1024),
        troubles,
      };
      rows.push(row);
      if (!args.json)
        console.log(
          `${name.padEnd(52)} busy ${String(row.busyMs).padStart(6)}  late ${String(row.lateMs).padStart(6)}  small p50 ${String(row.p50).padStart(5)} p99 ${String(row.p99).padStart(6)} max ${String(row.max).padStart(6)}  a call ${String(row.callMs).padStart(7)}  RSS ${row.rssMiB} MiB${troubles > 0 ? `  ${troubles} FAILED` : ''}`,
        );
    };
    await wait(2_000);
    await measure('nothing large', () => wait(2_000));
    const ways = [
      ['chat', 'openai'],
      ['chat', 'anthropic'],
      ['messages', 'anthropic'],
      ['messages', 'openai'],
      ['responses', 'openai'],
      ['responses', 'plain'],
    ];
    for (const shape of Object.keys(SHAPES))
      for (const [protocol, model] of ways)
        for (const stream of [false, true]) {
          const name = `${shape}: ${protocol} to ${model}${stream ? ', stream' : ''}`;
          if (!name.includes(args.only)) continue;
          const { path, bytes } = large(protocol, shape, { model, stream });
          const first = await call(path, bytes);
          if (first.status !== 200) {
            console.log(`${name}: ${first.status} ${first.text.slice(0, 300)}`);
            continue;
          }
          await measure(name, async () => {
            for (let n = 0; n < Number(args.rounds); n += 1)
              await Promise.all(Array.from({ length: Number(args['at-once']) }, () => call(path, bytes)));
          });
        }
    agent.destroy();
    if (args.json) console.log(JSON.stringify(rows));
  } finally {
    await worker?.terminate();
    await stack?.stop();
    upstream.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

if (isMainThread) await main();
else probe(workerData);
