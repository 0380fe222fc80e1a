import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Clock, CONFIG, Log, Repeating } from '@purser/service';
import { ALERTS_FILE, type AlertsFile } from '../alerts/alerts-file.js';
import type { Config } from '../config.js';
import { REPORTS_FOLDER } from '../shutdown/reports.service.js';
import { oldReportFiles, removeFiles } from './report-files.js';
import { RetentionRepository } from './retention.repository.js';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const EVERY_MS = 10 * MINUTE;
const BATCH = 200;
/** Of one kind in a round: the database has other things to do, and the next round comes. */
const BATCHES = 50;

type Settings = Pick<Config, 'PURSER_ALERT_RETENTION_DAYS' | 'PURSER_REPORT_RETENTION_DAYS'>;

/** Forgets alerts and reports that nobody asks for any more. What is open, or holds something back, stays. */
@Injectable()
export class Retention implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly sweep: Repeating;
  private stopped = false;

  constructor(
    private readonly repository: RetentionRepository,
    private readonly clock: Clock,
    @Inject(CONFIG) private readonly settings: Settings,
    @Inject(ALERTS_FILE) private readonly alerts: AlertsFile,
    @Inject(REPORTS_FOLDER) private readonly folder: string,
    log: Log,
  ) {
    this.sweep = new Repeating('forgetting old alerts and reports', EVERY_MS, () => this.round(), log);
  }

  onApplicationBootstrap(): void {
    this.sweep.start();
  }

  async onModuleDestroy(): Promise<void> {
    this.stopped = true;
    await this.sweep.stop();
  }

  async round(): Promise<void> {
    const { PURSER_ALERT_RETENTION_DAYS: alertDays, PURSER_REPORT_RETENTION_DAYS: reportDays } = this.settings;
    const now = this.clock.now();
    const ago = (ms: number): Date => new Date(now.getTime() - ms);
    if (alertDays > 0) {
      const before = ago(alertDays * DAY);
      const old = { now, before, cooledBy: ago(this.alerts.cooldownMinutes * MINUTE) };
      await this.inBatches((limit) => this.repository.forgetAlerts(old, limit));
      await this.inBatches((limit) => this.repository.forgetDeliveries(before, limit));
    }
    if (reportDays > 0) {
      const before = ago(reportDays * DAY);
      await this.inBatches((limit) => this.repository.forgetReports(before, limit));
      await this.forgetFiles(before);
    }
  }

  private async inBatches(batch: (limit: number) => Promise<number>): Promise<void> {
    for (let done = 0; done < BATCHES && !this.stopped; done++) if ((await batch(BATCH)) < BATCH) return;
  }

  /** On this watchdog's own disk: those that Postgres does not keep. */
  private async forgetFiles(before: Date): Promise<void> {
    const old = await oldReportFiles(this.folder, before);
    if (old.length === 0) return;
    const kept = await this.repository.keptReports([...new Set(old.map(({ id }) => id))]);
    await removeFiles(old.filter(({ id }) => !kept.has(id)));
  }
}
