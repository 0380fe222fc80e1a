import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable } from '@nestjs/common';
import type { EmergencyReport, ReplyOf, reportsGet, reportsList } from '@purser/contracts';
import { PurserError } from '@purser/contracts';
import { Database } from '@purser/database';
import { Log } from '@purser/service';
import { within } from '../emergency/within.js';
import { EMERGENCY_FILE, type EmergencyFile } from './emergency-file.js';
import { merged } from './report.js';
import { reportPage } from './report-page.js';
import { ReportsRepository } from './reports.repository.js';

/** Injection token of the folder for reports. */
export const REPORTS_FOLDER = Symbol('reports-folder');

const POSTGRES_MS = 2_000;

/** Keeps what was found: as two files, which need no service to be read, and in Postgres. */
@Injectable()
export class ReportsService {
  constructor(
    private readonly database: Database,
    private readonly repository: ReportsRepository,
    @Inject(REPORTS_FOLDER) private readonly folder: string,
    @Inject(EMERGENCY_FILE) private readonly file: EmergencyFile,
    private readonly log: Log,
  ) {}

  /** Never rejects. @returns the report as it is kept, with what other watchdogs said, and whether Postgres has it. */
  async keep(report: EmergencyReport): Promise<{ report: EmergencyReport; stored: boolean }> {
    let kept = report;
    let stored = true;
    try {
      kept = await within(POSTGRES_MS, 'Postgres', this.store(report));
    } catch (error) {
      stored = false;
      this.log.warn({ error, report: report.id }, 'the report of the emergency is not in Postgres yet; trying on');
    }
    await this.write(kept).catch((error: unknown) =>
      this.log.error({ error, folder: this.folder }, 'the report of the emergency could not be written'),
    );
    return { report: kept, stored };
  }

  private store(report: EmergencyReport): Promise<EmergencyReport> {
    return this.database.transaction(async (tx) => {
      if (await this.repository.insert(tx, report)) return report;
      const earlier = await this.repository.lock(tx, report.id);
      const kept = earlier ? merged(earlier, report, this.file.standingCosts) : report;
      await this.repository.replace(tx, kept);
      return kept;
    });
  }

  /** Each file is whole at any time, also when the machine goes down. */
  private async write(report: EmergencyReport): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    for (const [ending, text] of [
      ['json', `${JSON.stringify(report, null, 2)}\n`],
      ['html', reportPage(report)],
    ] as const) {
      const file = join(this.folder, `${report.id}.${ending}`);
      await writeFile(`${file}.new`, text, { mode: 0o600 });
      await rename(`${file}.new`, file);
    }
  }

  async list(limit: number): Promise<ReplyOf<typeof reportsList>> {
    return { reports: await this.repository.list(limit) };
  }

  async get(id: string): Promise<ReplyOf<typeof reportsGet>> {
    const report = await this.repository.find(id);
    if (!report) throw new PurserError('not_found', { message: `there is no report ${id}` });
    return { report, html: reportPage(report) };
  }
}
