import { Injectable } from '@nestjs/common';
import type { AlertChannel, AlertSeverity } from '@purser/contracts';
import { Database } from '@purser/database';
import { Clock } from '@purser/service';
import { type ChannelRow, ChannelsRepository } from './channels.repository.js';

const SEVERITIES: readonly AlertSeverity[] = ['info', 'warning', 'critical'];

/** How the channels of all watchdogs do. */
@Injectable()
export class ChannelStates {
  constructor(
    private readonly database: Database,
    private readonly repository: ChannelsRepository,
    private readonly clock: Clock,
  ) {}

  async list(): Promise<AlertChannel[]> {
    return (await this.repository.list(this.database, this.clock.now())).map(channelOf);
  }

  /** Those that reach nobody. */
  dead(): Promise<string[]> {
    return this.repository.dead(this.database, this.clock.now());
  }
}

const channelOf = (row: ChannelRow): AlertChannel => ({
  name: row.name,
  use: row.use,
  state: stateOf(row),
  minSeverity: SEVERITIES[row.least_severity] ?? 'info',
  failures: row.failures,
  lastError: row.unusable ?? row.last_error,
  lastSentAt: row.last_sent_at?.toISOString() ?? null,
  deadSince: row.dead_since?.toISOString() ?? null,
  pending: Number(row.pending),
  givenUp: Number(row.given_up),
});

function stateOf({ unusable, dead_since, failures }: ChannelRow): AlertChannel['state'] {
  if (unusable !== null) return 'unusable';
  if (dead_since !== null) return 'dead';
  return failures > 0 ? 'failing' : 'ok';
}
