import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { PluginEntry } from '@purser/plugin-host';
import type { Environment } from '@purser/service';
import { z } from 'zod';
import type { ActiveDriver } from './active-driver.js';

const DRIVER = '@purser/docker-compute';
const LOOK_MS = 2_000;
const HOW = 'in compose, docker compose --profile offload up -d has VMs made of containers';

const ANSWER_MS = 2_000;

/** Whether somebody listens there: a gate that was killed leaves its socket behind. */
async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(ANSWER_MS) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** Where compose has a gate for VMs of Docker, whoever runs it has turned docker-compute on by that. */
export async function throughGate(entries: readonly PluginEntry[], env: Environment): Promise<PluginEntry[]> {
  const { PURSER_VM_GATE: gate, PURSER_VM_NETWORK: network, PURSER_VM_GATE_SAME_MACHINE: here } = env;
  if (!gate) return [...entries];
  const own = {
    host: `unix://${gate}`,
    ...(network ? { network } : {}),
    // Behind the gate may be the socket of another machine's engine.
    ...(here ? { sameMachine: z.stringbool().parse(here) } : {}),
  };
  const given = entries.map((entry) =>
    // One with a host of its own is not the gate's business.
    entry.use === DRIVER && entry.config.host === undefined ? { ...entry, config: { ...own, ...entry.config } } : entry,
  );
  if (given.some(({ use }) => use === DRIVER) || !(await answers(gate))) return given;
  return [...given, { use: DRIVER, config: own }];
}

/**
 * Loads drivers, and once more when there has come to be a gate that answers. Without a gate there is no driver of Docker, rather
 * than one that nobody turned on and that could not say, in an emergency, what runs there.
 */
export async function loadAsGateComes(
  place: ActiveDriver,
  env: Environment,
  signal: AbortSignal,
  load: () => Promise<void>,
): Promise<void> {
  const { PURSER_VM_GATE: gate } = env;
  // Before the drivers are loaded: if it comes in between, they are loaded twice.
  const awaited = gate && !(await answers(gate)) ? gate : undefined;
  await load();
  if (awaited === undefined) return;
  if (!place.get()) place.why = `${place.why}; ${HOW}`;
  // Of one that nobody has turned on there is no socket.
  if (await isThere(awaited)) tell(place, `the gate for VMs of Docker does not answer at ${awaited}; ${HOW}`);
  whenAnswers(awaited, signal)
    .then((there) => (there ? load() : undefined))
    .catch((error: Error) => tell(place, `drivers could not be loaded again: ${error.message}`));
}

function tell(place: ActiveDriver, problem: string): void {
  place.problems = [...place.problems, problem];
}

async function whenAnswers(path: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    if (await answers(path)) return true;
    await pause(LOOK_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
  return false;
}
