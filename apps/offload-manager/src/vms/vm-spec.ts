import type { VmSpec } from '@purser/plugin-sdk';
import type { VmRow } from './vm-row.js';

/** Deterministic, and short enough for whatever a platform puts behind it. */
export const vmName = (installation: string, id: string): string => `purser-${installation.slice(0, 8)}-${id}`;

/** Labels take less than names of components do. */
const labelOf = (text: string): string =>
  text
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '-')
    .slice(0, 63);

export const labelsOf = (installation: string, row: Pick<VmRow, 'id' | 'component' | 'expires_at'>) => ({
  'purser-installation': installation,
  'purser-vm': row.id,
  'purser-component': labelOf(row.component),
  'purser-expires': Math.ceil(row.expires_at.getTime() / 1_000).toString(),
});

/** Past that its agent ends it, whoever is alive. */
const egressEnv = ({ egress_bytes: bytes }: VmRow): Record<string, string> =>
  bytes === null ? {} : { PURSER_VM_EGRESS_BYTES: bytes.toString() };

/** The same for every repetition of a call, but for the agent's secrets. */
export const specOf = (
  installation: string,
  row: VmRow,
  zone: string,
  agentEnv: Readonly<Record<string, string>>,
): VmSpec => ({
  name: row.name,
  requestId: row.request_id,
  zone,
  machineType: row.machine_type,
  spot: row.spot,
  diskGb: row.disk_gb,
  maxRunSeconds: Math.max(1, Math.floor((row.expires_at.getTime() - row.requested_at.getTime()) / 1_000)),
  labels: labelsOf(installation, row),
  startup: {
    ...row.startup,
    agent: { ...row.startup.agent, env: { ...row.startup.agent.env, ...agentEnv, ...egressEnv(row) } },
  },
});
