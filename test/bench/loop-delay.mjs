// Loaded into a process that is measured (`--import`): on SIGUSR2 it appends to the file that LOOP_DELAY_FILE names what
// it saw since the last time, and begins anew. `lateMs`: by how much a timer was late at most. `busyMs`: the most
// processor time that the main thread took between two looks at its timers, which is what it would be late by on a machine
// that nobody else uses.
import { appendFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setInterval } from 'node:timers';

const EVERY_MS = 1;
const cpuMs = () => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
};
let before = { at: performance.now(), cpu: cpuMs() };
let lateMs = 0;
let busyMs = 0;
setInterval(() => {
  const now = { at: performance.now(), cpu: cpuMs() };
  lateMs = Math.max(lateMs, now.at - before.at - EVERY_MS);
  busyMs = Math.max(busyMs, now.cpu - before.cpu);
  before = now;
}, EVERY_MS).unref();

process.on('SIGUSR2', () => {
  const { rss } = process.memoryUsage();
  appendFileSync(process.env.LOOP_DELAY_FILE, `${JSON.stringify({ lateMs, busyMs, rss })}\n`);
  lateMs = 0;
  busyMs = 0;
});
