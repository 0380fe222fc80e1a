import { Inject, Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { Clock, Outbox } from '@purser/service';
import { AlertEngine } from './alert-engine.service.js';
import { ALERTS_FILE, type AlertsFile } from './alerts-file.js';
import { AlertsRepository } from './alerts.repository.js';

const MINUTE = 60_000;
/** What happened is no news again for so long at least, also where no cooldown is wanted. */
const LEAST_LIFE_MINUTES = 1;

/** Ends what nobody else ends. */
@Injectable()
export class AlertExpiry {
  constructor(
    private readonly database: Database,
    private readonly alerts: AlertsRepository,
    private readonly engine: AlertEngine,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
    @Inject(ALERTS_FILE) private readonly file: AlertsFile,
  ) {}

  async tidy(): Promise<void> {
    const now = this.clock.now();
    const life = Math.max(LEAST_LIFE_MINUTES, this.file.cooldownMinutes) * MINUTE;
    await this.alerts.expire(this.database, new Date(now.getTime() - life), now);
    const topics = await this.alerts.orphans(this.database);
    if (topics.length === 0) return;
    await this.database.transaction((tx) => this.engine.end(tx, { topics }, 'the budget was removed'));
    await this.outbox.flush();
  }
}
