import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { Clock } from '@purser/service';
import { Agenda } from './agenda.js';
import { BundlingService } from './bundling.service.js';
import { Channels } from './channels.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { DeliveryService } from './delivery.service.js';

/** From what fires to what is sent. May run on several watchdogs at once. */
@Injectable()
export class TellingService {
  constructor(
    private readonly database: Database,
    private readonly bundling: BundlingService,
    private readonly delivery: DeliveryService,
    private readonly deliveries: DeliveriesRepository,
    private readonly channels: Channels,
    private readonly agenda: Agenda,
    private readonly clock: Clock,
  ) {}

  /** Once a second; sending goes on behind it. */
  async tell(): Promise<void> {
    const now = this.clock.now();
    if (this.channels.names().length === 0 || !this.agenda.isTime(now)) return;
    await this.bundling.bundle(now);
    this.delivery.send();
    this.agenda.isNext(await this.deliveries.nextAt(this.database, this.channels.names()));
  }
}
