import type { Vm, VmState } from '@purser/contracts';
import { formatUsd, type Nano } from '@purser/money';
import type { VmStartup } from '@purser/plugin-sdk';

export type LeaseState = 'none' | 'asked' | 'held' | 'returned';

export interface VmRow {
  id: string;
  name: string;
  request_id: string;
  provider: string;
  /** The project or host it is in; null in rows of before that was known. */
  place: string | null;
  zone: string | null;
  machine_type: string;
  spot: boolean;
  memory_mb: number;
  disk_gb: number;
  component: string;
  startup: VmStartup;
  state: VmState;
  reason: string;
  requested_at: Date;
  since: Date;
  called_at: Date | null;
  created_at: Date | null;
  ready_at: Date | null;
  heard_at: Date | null;
  /** When its platform last had it. */
  seen_at: Date | null;
  expires_at: Date;
  gone_at: Date | null;
  /** When its platform said that it takes it away, or had done so. */
  preempted_at: Date | null;
  lease: LeaseState;
  lease_asked_at: Date | null;
  held_nano: Nano;
  windows: string[];
  cost_nano: Nano;
  billed_until: Date | null;
  /** What it has sent, as far as the ledger was told; and what it may send, null where that costs nothing. */
  sent_bytes: bigint;
  egress_bytes: bigint | null;
  /** Of a session: whose it is, and until when its runner has asked for it to be there. */
  session_id: string | null;
  task_id: string | null;
  ancestors: string[];
  project: string | null;
  kept_until: Date | null;
  rev: number;
}

const instant = (at: Date | null): string | null => at?.toISOString() ?? null;

export const vmOf = (row: VmRow): Vm => ({
  id: row.id,
  name: row.name,
  provider: row.provider,
  zone: row.zone,
  machineType: row.machine_type,
  spot: row.spot,
  memoryMb: row.memory_mb,
  diskGb: row.disk_gb,
  component: row.component,
  state: row.state,
  reason: row.reason,
  requestedAt: row.requested_at.toISOString(),
  createdAt: instant(row.created_at),
  readyAt: instant(row.ready_at),
  heardAt: instant(row.heard_at),
  expiresAt: row.expires_at.toISOString(),
  goneAt: instant(row.gone_at),
  heldUsd: formatUsd(row.held_nano),
  costUsd: formatUsd(row.cost_nano),
  sentBytes: Number(row.sent_bytes),
});
