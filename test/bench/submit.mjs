// How fast tasks are taken in over the bus, one by one and in batches: real processes, nats-server and a Postgres that flushes.
//   npm run bench:submit                              (BENCH_PROFILE=folder writes a CPU profile of the orchestrator there)
//   npm run bench:submit -- --seconds 3 --flight 16 --batch 500
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { Bus } from '@purser/bus';
import { tasksCreate, tasksBatch } from '@purser/contracts';
import { startStack } from './stack.mjs';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    flight: { type: 'string', default: '16' },
    batch: { type: 'string', default: '500' },
  },
});
const seconds = Number(values.seconds);

async function measured(name, inFlight, tasksEach, call) {
  const times = [];
  const from = performance.now();
  const end = from + seconds * 1_000;
  const caller = async () => {
    while (performance.now() < end) {
      const start = performance.now();
      await call();
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  const rate = (times.length * tasksEach * 1_000) / (performance.now() - from);
  const sorted = times.sort((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))].toFixed(2);
  console.log(`${name}: ${Math.round(rate)} tasks/s, a call takes ${at(0.5)} ms (p50), ${at(0.99)} ms (p99)`);
}

const folder = await mkdtemp(join(tmpdir(), 'purser-submit-'));
const stack = await startStack({ folder, budgets: { budgets: [] }, models: {}, plugins: { plugins: [] } });
try {
  const profile = process.env.BENCH_PROFILE;
  await stack.launchOrchestrator(profile && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` });
  const bus = await Bus.connect({ url: stack.natsUrl, service: 'tools', instance: 'bench' });
  const task = () => ({ executor: 'bench', input: { at: performance.now() } });
  await Promise.all(Array.from({ length: 200 }, () => bus.call(tasksCreate, task())));
  const flight = Number(values.flight);
  await measured(`one by one, ${flight} in flight`, flight, 1, () => bus.call(tasksCreate, task()));
  await measured('one by one, 1 in flight', 1, 1, () => bus.call(tasksCreate, task()));
  const size = Number(values.batch);
  await measured(`batches of ${size}, one after the other`, 1, size, () =>
    bus.call(tasksBatch, { tasks: Array.from({ length: size }, task) }, { timeoutMs: 20_000 }),
  );
  await bus.close();
} finally {
  await stack.stop();
  await rm(folder, { recursive: true, force: true });
}
