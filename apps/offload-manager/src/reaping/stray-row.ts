import type { StrayResource } from '@purser/contracts';
import { formatUsd, type Nano } from '@purser/money';

export interface StrayRow {
  id: string;
  provider: string;
  place: string | null;
  kind: StrayResource['kind'];
  name: string;
  zone: string;
  machine_type: string | null;
  spot: boolean;
  disk_gb: number;
  running: boolean;
  created_at: Date;
  first_seen_at: Date;
  seen_at: Date;
  /** By its label. */
  expires_at: Date | null;
  reaped_at: Date | null;
  gone_at: Date | null;
  reason: string;
  cost_nano: Nano;
  billed_until: Date;
}

export const strayOf = (row: StrayRow): StrayResource => ({
  id: row.id,
  provider: row.provider,
  kind: row.kind,
  name: row.name,
  zone: row.zone,
  createdAt: row.created_at.toISOString(),
  firstSeenAt: row.first_seen_at.toISOString(),
  goneAt: row.gone_at?.toISOString() ?? null,
  reason: row.reason,
  costUsd: formatUsd(row.cost_nano),
});
