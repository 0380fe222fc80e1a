import { Inject, Injectable } from '@nestjs/common';
import type { Sql } from '@purser/database';
import { statusOf } from '../budgets/budget-row.js';
import { BudgetsRepository } from '../budgets/budgets.repository.js';
import { windowAt } from '../windows/calendar.js';
import { Agenda } from './agenda.js';
import { ALERTS_FILE, type AlertsFile } from './alerts-file.js';
import { AlertsRepository } from './alerts.repository.js';
import { ChannelsRepository } from './channels.repository.js';
import { DeliveriesRepository } from './deliveries.repository.js';
import { reportNotice } from './report-text.js';
import { ReportRepository } from './report.repository.js';

const MOST_OPEN = 200;

/** Writes the report of a day and hands it to every channel that takes reports. */
@Injectable()
export class ReportDesk {
  constructor(
    private readonly reports: ReportRepository,
    private readonly budgets: BudgetsRepository,
    private readonly alerts: AlertsRepository,
    private readonly channels: ChannelsRepository,
    private readonly deliveries: DeliveriesRepository,
    private readonly agenda: Agenda,
    @Inject(ALERTS_FILE) private readonly file: AlertsFile,
  ) {}

  async post(tx: Sql, day: string, now: Date): Promise<void> {
    const channels = await this.channels.forReports(tx, now);
    if (channels.length === 0) return;
    const { timezone } = this.file;
    const until = windowAt('day', timezone, now).startsAt;
    const lastMoment = new Date(until.getTime() - 1_000);
    const since = windowAt('day', timezone, lastMoment).startsAt;
    const month = windowAt('month', timezone, lastMoment).startsAt;
    const notice = reportNotice({
      day,
      timezone,
      spent: await this.reports.spent(tx, since, month, until),
      budgets: (await this.budgets.statuses(tx, now, { only: 'general' })).map(statusOf),
      open: await this.alerts.list(tx, { state: 'firing', limit: MOST_OPEN }),
      at: now,
    });
    for (const channel of channels) await this.deliveries.add(tx, channel, notice, now);
    this.agenda.added();
  }
}
