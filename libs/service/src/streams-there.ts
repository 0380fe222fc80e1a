import type { Bus } from '@purser/bus';
import { emergencyStatus, PurserError, readsStreams, STREAM_KEEPER } from '@purser/contracts';
import type { Log } from './log.js';

const WITHIN_MS = 30_000;
const ASK_TIMEOUT_MS = 1_000;
const EVERY_MS = 250;

/** The watchdog makes the streams of the bus at its start; every other service waits here until they are there. */
export async function streamsThere(bus: Bus, log: Log, withinMs = WITHIN_MS): Promise<void> {
  if (bus.origin.service === STREAM_KEEPER) return bus.ensureStreams();
  const deadline = performance.now() + withinMs;
  for (let told = false; !(await areThere(bus)); told = true) {
    if (!told) log.info({}, `waiting for a ${STREAM_KEEPER}: it makes the streams on NATS`);
    if (performance.now() > deadline) {
      throw new PurserError('unavailable', {
        message: `No ${STREAM_KEEPER} came up on this NATS within ${withinMs / 1000} s, and without one there are no streams. Start it, and then this service again.`,
      });
    }
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
  }
}

/** The watchdog answers nothing before it has made them. While it is away, streams of before do as well. */
async function areThere(bus: Bus): Promise<boolean> {
  if (readsStreams(bus.origin.service) && (await bus.haveStreams().catch(() => false))) return true;
  return bus.call(emergencyStatus, {}, { timeoutMs: ASK_TIMEOUT_MS }).then(
    () => true,
    () => false,
  );
}
