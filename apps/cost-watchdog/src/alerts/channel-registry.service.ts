import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { Clock } from '@purser/service';
import { Channels } from './channels.js';
import { ChannelsRepository } from './channels.repository.js';
import { DeliveriesRepository } from './deliveries.repository.js';

const DAY = 24 * 3_600_000;

/** Alerts are told by every channel that some watchdog has: each says again and again which it has. */
@Injectable()
export class ChannelRegistry {
  constructor(
    private readonly database: Database,
    private readonly channels: Channels,
    private readonly repository: ChannelsRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly clock: Clock,
  ) {}

  async announce(): Promise<void> {
    const now = this.clock.now();
    await this.repository.offer(this.database, this.channels.offers(), now);
    await this.deliveries.abandon(this.database, new Date(now.getTime() - DAY), now);
  }
}
