import type { AlertRecord, AlertSeverity, AlertState } from '@purser/contracts';

/** An alert as its table has it. */
export interface AlertRow {
  id: bigint;
  fingerprint: string;
  topic: string;
  period: string;
  rank: number;
  severity: AlertSeverity;
  kind: string;
  title: string;
  details: Record<string, unknown>;
  lasts: boolean;
  state: AlertState;
  silenced: boolean;
  count: number;
  fired_at: Date;
  last_fired_at: Date;
  last_at: Date;
  resolved_at: Date | null;
  resolution: string | null;
}

export const recordOf = (row: AlertRow): AlertRecord => ({
  id: row.id.toString(),
  fingerprint: row.fingerprint,
  severity: row.severity,
  kind: row.kind,
  title: row.title,
  details: row.details,
  state: row.state,
  silenced: row.silenced,
  count: row.count,
  firedAt: row.fired_at.toISOString(),
  lastAt: row.last_at.toISOString(),
  resolvedAt: row.resolved_at?.toISOString() ?? null,
  resolution: row.resolution,
});
