// Runs a benchmark of durable task queues (its folder: BENCH_TASKS_DIR) with Purser as one more peer:
//   BENCH_TASKS_DIR=… npm run bench:tasks -- --rounds 1 --only floor,tasks-adapter --parts e2e,latency
// All other arguments go to the harness' run.mjs; the packages of its peers are where its own `setup` put them. With
// BENCH_PROFILE=<folder> the orchestrator leaves CPU profiles there. Needs a build.
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const folder = process.env.BENCH_TASKS_DIR;
if (folder === undefined) {
  console.error('BENCH_TASKS_DIR must name the folder of the harness: the one with run.mjs and its README.');
  process.exit(2);
}
const adapter = join(import.meta.dirname, 'tasks-adapter.mjs');
const child = spawn(process.execPath, [join(folder, 'run.mjs'), '--adapter', adapter, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.on('exit', (code) => process.exit(code ?? 1));
