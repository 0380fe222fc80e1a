import { Injectable } from '@nestjs/common';
import type { Sql } from '@purser/database';
import { Clock } from '@purser/service';
import { AlertEngine } from './alert-engine.service.js';
import { topicOf } from './alert-identity.js';
import { ChannelsRepository } from './channels.repository.js';
import { DEAD_AFTER_FAILURES } from './telling.js';

const KIND = 'channel_dead';

/** That a channel reaches nobody is an alert itself, told by the others. */
@Injectable()
export class ChannelHealth {
  constructor(
    private readonly channels: ChannelsRepository,
    private readonly engine: AlertEngine,
    private readonly clock: Clock,
  ) {}

  async succeeded(tx: Sql, channel: string): Promise<void> {
    const wasDead = await this.channels.succeeded(tx, channel, this.clock.now());
    if (wasDead) await this.engine.end(tx, { topics: [topicOf(KIND, channel)] }, 'a notice arrived again');
  }

  async failed(tx: Sql, channel: string, reason: string): Promise<void> {
    const died = await this.channels.failed(tx, channel, reason, DEAD_AFTER_FAILURES, this.clock.now());
    if (!died) return;
    const alert = {
      severity: 'warning' as const,
      kind: KIND,
      title: `The channel ${channel} reaches nobody: ${reason}`,
      details: { channel, reason, failures: DEAD_AFTER_FAILURES },
      about: channel,
      lasts: true,
    };
    await this.engine.raise(tx, alert, { except: channel });
  }
}
