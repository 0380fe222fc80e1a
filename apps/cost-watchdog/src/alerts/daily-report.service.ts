import { Inject, Injectable } from '@nestjs/common';
import { Database, type Sql } from '@purser/database';
import { Clock } from '@purser/service';
import { ALERTS_FILE, type AlertsFile } from './alerts-file.js';
import { ReportDesk } from './report-desk.service.js';
import { localTime } from './local-time.js';
import { ReportRepository } from './report.repository.js';

const DAY = 24 * 3_600_000;

/** One report a day, however many watchdogs there are and however often they start. */
@Injectable()
export class DailyReport {
  /** What this watchdog knows to be done; the table knows it for all. */
  private done: string | undefined;

  constructor(
    private readonly database: Database,
    private readonly repository: ReportRepository,
    private readonly desk: ReportDesk,
    private readonly clock: Clock,
    @Inject(ALERTS_FILE) private readonly file: AlertsFile,
  ) {}

  /** On the day that Purser is first used there is nothing to report of the day before. */
  async begin(): Promise<void> {
    const now = this.clock.now();
    const day = this.dueDay(now);
    if (day === undefined || !(await this.repository.isFirst(this.database))) return;
    await this.repository.take(this.database, day, now);
  }

  /** Late is better than never: also when no watchdog ran at the time, as long as it is the same day. */
  async sendWhenDue(): Promise<void> {
    const now = this.clock.now();
    const day = this.dueDay(now);
    if (day === undefined || day === this.done) return;
    await this.database.transaction((tx) => this.sendOnce(tx, day, now));
    this.done = day;
  }

  private async sendOnce(tx: Sql, day: string, now: Date): Promise<void> {
    if (await this.repository.take(tx, day, now)) await this.desk.post(tx, day, now);
  }

  /** The day to report of, once its hour has come; undefined before that, and without reports. */
  private dueDay(now: Date): string | undefined {
    const { dailyReport, timezone } = this.file;
    if (dailyReport === false) return undefined;
    const { day, time } = localTime(now, timezone);
    return time >= dailyReport.at ? dayBefore(day) : undefined;
  }
}

const dayBefore = (day: string): string => new Date(Date.parse(`${day}T00:00:00Z`) - DAY).toISOString().slice(0, 10);
