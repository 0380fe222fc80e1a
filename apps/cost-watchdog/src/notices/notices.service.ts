import { Injectable } from '@nestjs/common';
import { Database } from '@purser/database';
import { Clock, Outbox } from '@purser/service';
import { AlertsService, type NewAlert } from '../alerts/alerts.service.js';
import { NoticesRepository } from './notices.repository.js';

const MOST_REMEMBERED = 1_000;

/** Tells something once in a period, however many watchdogs notice it, and however often one of them starts again. */
@Injectable()
export class NoticesService {
  private readonly told = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly notices: NoticesRepository,
    private readonly alerts: AlertsService,
    private readonly outbox: Outbox,
    private readonly clock: Clock,
  ) {}

  async tell(name: string, periodStart: Date, alert: NewAlert): Promise<void> {
    const key = `${name} ${periodStart.getTime()}`;
    if (this.told.has(key)) return;
    const first = await this.database.transaction(async (tx) => {
      const claimed = await this.notices.claim(tx, name, periodStart, this.clock.now());
      if (claimed) await this.alerts.add(tx, alert);
      return claimed;
    });
    if (this.told.size > MOST_REMEMBERED) this.told.clear();
    this.told.add(key);
    if (first) await this.outbox.flush();
  }

  wasTold(name: string, periodStart: Date): Promise<boolean> {
    return this.notices.isClaimed(name, periodStart);
  }
}
