import { Inject, Injectable } from '@nestjs/common';
import type { EmergencyReport, Latch, ServiceInstance, ShutdownTarget } from '@purser/contracts';
import { AlertsService, type NewAlert } from '../alerts/alerts.service.js';
import { within } from '../emergency/within.js';
import { AcknowledgementsService } from './acknowledgements.service.js';
import { EMERGENCY_FILE, type EmergencyFile } from './emergency-file.js';
import { reportId, stillCosting } from './report.js';
import { ReportsRepository } from './reports.repository.js';
import { ReportsService } from './reports.service.js';
import { silent } from './responders.js';
import { type Emergency, stillLives } from './target-list.js';

const HOUR_MS = 3_600_000;
const HISTORY_MS = 48 * HOUR_MS;
/** The ledger is not worth waiting for: the report without it says the more urgent things. */
const LEDGER_MS = 5_000;

export interface Found {
  latch: Latch;
  expected: readonly ServiceInstance[];
  steps: EmergencyReport['steps'];
  problems: string[];
}

/** Puts together what is known of an emergency, keeps it, and tells people what still lives. */
@Injectable()
export class ReportingService {
  constructor(
    private readonly ledger: ReportsRepository,
    private readonly acknowledgements: AcknowledgementsService,
    private readonly reports: ReportsService,
    private readonly alerts: AlertsService,
    @Inject(EMERGENCY_FILE) private readonly file: EmergencyFile,
  ) {}

  /** Never rejects. */
  keep(report: EmergencyReport): Promise<{ report: EmergencyReport; stored: boolean }> {
    return this.reports.keep(report);
  }

  /** Changes when there is something to add to the report. Cheap, unlike the costs in it. */
  async fingerprint({ latch }: Found, { targets }: Emergency): Promise<string> {
    const { length } = await this.acknowledgements.of(latch.serial);
    return JSON.stringify([targets.all, length]);
  }

  /** Never rejects: what is not known is left out, and said. */
  async compose(found: Found, { targets }: Emergency): Promise<EmergencyReport> {
    const { latch, expected, steps } = found;
    const problems = [...found.problems];
    const acknowledgements = await this.acknowledgements.of(latch.serial);
    const missing = silent(expected, acknowledgements);
    const { history, byModel, evidence } = await this.costs(latch).catch((error: unknown) => {
      problems.push(`the cost history: ${error instanceof Error ? error.message : String(error)}`);
      return { history: [], byModel: [], evidence: null };
    });
    return {
      id: reportId(latch),
      latch,
      steps,
      history,
      byModel,
      evidence,
      targets: targets.all,
      acknowledgements,
      missing,
      stillCosting: stillCosting(targets.all, missing, this.file.standingCosts),
      problems,
    };
  }

  /** Tells a person of what the shutdown did not get, if anything. */
  async alarm({ id, latch, targets, missing, problems }: EmergencyReport): Promise<void> {
    const living = targets.filter(stillLives);
    if (living.length + missing.length + problems.length === 0) return;
    const parts = [
      ...living.map(({ kind, name }) => `${kind} ${name} still runs`),
      ...missing.map(({ service, instance }) => `${service} ${instance} has not acknowledged`),
      ...problems,
    ];
    await this.tell(
      {
        severity: 'critical',
        kind: 'emergency_survivors',
        title: `The emergency shutdown is not complete: ${parts.slice(0, 5).join('; ')}${parts.length > 5 ? `; and ${parts.length - 5} more` : ''}`,
        details: { report: id, serial: latch.serial, living, missing, problems },
      },
      `emergency-survivors-${latch.serial}-${targets[0]?.watchdog ?? 'any'}`,
    );
  }

  async tellOfReturn(latch: Latch, { kind, name, id }: Pick<ShutdownTarget, 'kind' | 'name' | 'id'>): Promise<void> {
    await this.tell(
      {
        severity: 'warning',
        kind: 'emergency_returned',
        title: `During the emergency the ${kind} ${name} was started again; it is stopped again as long as the emergency lasts`,
        details: { serial: latch.serial, kind, name, id },
      },
      `emergency-returned-${latch.serial}-${id}`,
    );
  }

  private async tell(alert: NewAlert, id: string): Promise<void> {
    await within(LEDGER_MS, 'Postgres', this.alerts.raise(alert, id)).catch(() => this.alerts.shout(alert));
  }

  private async costs(latch: Latch): Promise<Pick<EmergencyReport, 'history' | 'byModel' | 'evidence'>> {
    const at = new Date(latch.at);
    const since = (ms: number) => new Date(at.getTime() - ms);
    // What was under way when the latch was set is settled after it.
    const until = new Date(at.getTime() + HOUR_MS);
    const [history, byModel, evidence] = await within(
      LEDGER_MS,
      'Postgres',
      Promise.all([
        this.ledger.history(since(HISTORY_MS), until),
        this.ledger.byModel(since(HOUR_MS), until),
        this.ledger.evidence(latch.serial),
      ]),
    );
    return { history, byModel, evidence };
  }
}
