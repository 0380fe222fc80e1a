import { setTimeout as pause } from 'node:timers/promises';
import { Bus } from '@purser/bus';
import { VmAgent } from './agent.js';
import type { Config } from './config.js';
import { deleteOwnInstance, preempted } from './google.js';
import { SessionWork } from './session/session-work.js';
import { ComponentWork, type VmWork } from './work.js';

export { Config } from './config.js';

const AGAIN_MS = 10_000;

type Say = (message: string, fields?: object) => void;

type End = (reason: string, tell?: () => Promise<void>) => Promise<void>;

/**
 * Runs the agent until its VM is to end, and ends it: on Docker that is the end of this process, by which the component
 * ends too; on Google Cloud the instance is deleted, and heard of for as long as that fails.
 */
export async function runAgent(config: Config, say: Say, signal: AbortSignal): Promise<void> {
  const onGoogle = config.PURSER_VM_PLATFORM === 'gcp';
  const over = new AbortController();
  const end: End = async (reason, tell) => {
    say('ends', { reason });
    if (onGoogle && !signal.aborted) await deleteUntilDone(config, say, signal, tell);
  };
  await speak(config, say, AbortSignal.any([signal, over.signal]), onGoogle, end).catch((error: unknown) =>
    end(`no way to the bus: ${error instanceof Error ? error.message : String(error)}`),
  );
  over.abort();
}

async function speak(config: Config, say: Say, signal: AbortSignal, onGoogle: boolean, end: End): Promise<void> {
  const bus = await Bus.connect({
    url: config.PURSER_NATS_URL,
    service: 'vm-agent',
    instance: config.PURSER_VM_ID,
    inboxPrefix: `_INBOX_vm.${config.PURSER_VM_ID}`,
    connectTimeoutMs: config.PURSER_VM_SILENCE_SECONDS * 1_000,
  });
  try {
    say('started', { vm: config.PURSER_VM_ID, component: config.PURSER_VM_COMPONENT });
    const preemption = onGoogle ? preempted(config.PURSER_METADATA_URL, signal) : undefined;
    const work = await workOf(bus, config, say);
    const agent = new VmAgent({ bus, config, work, preemption, say });
    await end(await agent.run(signal), () => agent.tell());
  } finally {
    await bus.close();
  }
}

function workOf(bus: Bus, config: Config, say: Say): Promise<VmWork> | VmWork {
  const { PURSER_VM_COMPONENT_URL: url } = config;
  return url === undefined
    ? SessionWork.open(bus, config, say)
    : new ComponentWork(bus, { ...config, PURSER_VM_COMPONENT_URL: url }, say);
}

/** Without a service account of its own this never succeeds: the manager ends it, or the platform's own time limit. */
async function deleteUntilDone(config: Config, say: Say, signal: AbortSignal, tell?: () => Promise<void>) {
  const addresses = { metadataUrl: config.PURSER_METADATA_URL, computeUrl: config.PURSER_COMPUTE_URL };
  while (!signal.aborted) {
    try {
      return await deleteOwnInstance(addresses);
    } catch (error) {
      say('could not delete its own instance', { error: (error as Error).message });
      await tell?.();
      await pause(AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
