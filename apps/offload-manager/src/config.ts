import { port, serviceSettings, wholeBetween } from '@purser/service';
import { z } from 'zod';
import { credentialSettings } from './credentials/credential-settings.js';
import { offloadSettings } from './settings/offload-settings.js';
import { profilingSettings } from './settings/profiling-settings.js';

const seconds = (standard: number) =>
  wholeBetween(0, 3_600, `a number of seconds from 0 to 3600 such as ${standard}`).default(standard);

export const Config = z.object({
  ...serviceSettings,
  PURSER_OFFLOAD_PORT: port(8084),
  ...offloadSettings,
  ...credentialSettings,
  ...profilingSettings,
  /** Between the two looks of the reaper. */
  PURSER_REAP_PAUSE_SECONDS: seconds(60),
  /** So long after a call whose answer was lost it does not count as without effect. */
  PURSER_VM_SETTLE_SECONDS: seconds(30),
  /** The socket of the gate for VMs of Docker, which need not be there yet. Compose sets it, and the network of these VMs. */
  PURSER_VM_GATE: z.string().startsWith('/', 'a path such as /run/purser-vms/docker.sock').optional(),
  PURSER_VM_NETWORK: z.string().min(1).optional(),
  /** Whether the engine behind the gate is this machine's own, as it is taken to be. */
  PURSER_VM_GATE_SAME_MACHINE: z.stringbool('true or false').optional(),
});
export type Config = z.output<typeof Config>;
