import { Module, type Type } from '@nestjs/common';
import type { Environment } from '@purser/service';
import { AlertFigures } from './alerts/alert-figures.js';
import { ALERT_RULES } from './alerts/alert-rules.js';
import { AlertSweeps } from './alerts/alert-sweeps.js';
import { ALERTS_FILE, type AlertsFile } from './alerts/alerts-file.js';
import { AlertsHandlers } from './alerts/alerts.handlers.js';
import { NotifierLoader } from './alerts/notifier-loader.js';
import { AnnouncementsRepository } from './announcements.repository.js';
import { Announcements } from './announcements.js';
import { BUDGETS_FILE, type BudgetsFile } from './budgets/budgets-file.js';
import { BudgetsHandlers } from './budgets/budgets.handlers.js';
import { BudgetsRepository } from './budgets/budgets.repository.js';
import { BudgetsService } from './budgets/budgets.service.js';
import { DefinitionsService } from './budgets/definitions.service.js';
import { FileFollower } from './budgets/file-follower.service.js';
import { LevelsService } from './budgets/levels.service.js';
import { SnapshotService } from './budgets/snapshot.service.js';
import { ENVIRONMENT } from './config.js';
import { CostsHandlers } from './costs/costs.handlers.js';
import { CostsRepository } from './costs/costs.repository.js';
import { CostsService } from './costs/costs.service.js';
import { EmergencyHandlers } from './emergency/emergency.handlers.js';
import { EmergencyService } from './emergency/emergency.service.js';
import { LatchBucket } from './emergency/latch-bucket.js';
import { LatchStores } from './emergency/latch-stores.js';
import { LatchRepository } from './emergency/latch.repository.js';
import { SpikeActions } from './emergency/spike-actions.service.js';
import { SpikeRules } from './emergency/spike-rules.service.js';
import { SpikeHandlers } from './emergency/spike.handlers.js';
import { SpikeRepository } from './emergency/spike.repository.js';
import { SpikeService } from './emergency/spike.service.js';
import { GatewaysService } from './leases/gateways.service.js';
import { LeasesHandlers } from './leases/leases.handlers.js';
import { LeasesRepository } from './leases/leases.repository.js';
import { LeasesService } from './leases/leases.service.js';
import { LostGateways } from './leases/lost-gateways.service.js';
import { Presence } from './leases/presence.js';
import { RecallService } from './leases/recall.service.js';
import { RefusalsService } from './leases/refusals.service.js';
import { ReleasesRepository } from './leases/releases.repository.js';
import { ReleasesService } from './leases/releases.service.js';
import { CorrectionsService } from './ledger/corrections.service.js';
import { EntriesRepository } from './ledger/entries.repository.js';
import { LedgerHandlers } from './ledger/ledger.handlers.js';
import { LedgerRepository } from './ledger/ledger.repository.js';
import { LedgerService } from './ledger/ledger.service.js';
import { SettlementService } from './ledger/settlement.service.js';
import { ConfiguredSources } from './sources/configured-sources.js';
import { SourcePoller } from './sources/poller.service.js';
import { ReconciliationService } from './sources/reconciliation.service.js';
import { ReconciliationsRepository } from './sources/reconciliations.repository.js';
import { ReportedRepository } from './sources/reported.repository.js';
import { ReportedSpendRepository } from './sources/reported-spend.repository.js';
import { SpikeFinder } from './emergency/spike-finder.service.js';
import { ReportedSpikes } from './emergency/reported-spikes.service.js';
import { SourceBooks } from './sources/source-books.service.js';
import { SourceNews } from './sources/source-news.service.js';
import { SourceReader } from './sources/source-reader.service.js';
import { SourceTurn } from './sources/source-turn.service.js';
import { SourcesHandlers } from './sources/sources.handlers.js';
import { SourcesRepository } from './sources/sources.repository.js';
import { SourcesService } from './sources/sources.service.js';
import { DailyCapService } from './notices/daily-cap.service.js';
import { ForecastNotices } from './notices/forecast-notices.service.js';
import { SpendHealthController } from './notices/health.controller.js';
import { NoticeSweeps } from './notices/notice-sweeps.js';
import { NoticesRepository } from './notices/notices.repository.js';
import { NoticesService } from './notices/notices.service.js';
import { SpendNotices } from './notices/spend-notices.service.js';
import { SPEND_THRESHOLDS, type SpendThresholds } from './notices/spend-thresholds.js';
import { RetentionRepository } from './retention/retention.repository.js';
import { Retention } from './retention/retention.service.js';
import { AcknowledgementsService } from './shutdown/acknowledgements.service.js';
import { ContainersService } from './shutdown/containers.service.js';
import { DockerEngine } from './shutdown/docker-engine.js';
import { ProcessesService } from './shutdown/processes.service.js';
import { ReportingService } from './shutdown/reporting.service.js';
import { ReportsRepository } from './shutdown/reports.repository.js';
import { ReportsService } from './shutdown/reports.service.js';
import { Responders } from './shutdown/responders.js';
import { ShutdownHandlers } from './shutdown/shutdown.handlers.js';
import { ShutdownService } from './shutdown/shutdown.service.js';
import { type ShutdownSettings, shutdownSettings } from './shutdown/shutdown-settings.js';
import { StoppingService } from './shutdown/stopping.service.js';
import { Sweeps } from './sweeps.js';
import { WindowChanges } from './windows/window-changes.js';
import { WindowsRepository } from './windows/windows.repository.js';
import { WindowsService } from './windows/windows.service.js';

export const RULES = [
  BudgetsRepository,
  WindowsRepository,
  LeasesRepository,
  ReleasesRepository,
  EntriesRepository,
  LedgerRepository,
  LatchRepository,
  SpikeRepository,
  ...ALERT_RULES,
  LatchBucket,
  LatchStores,
  EmergencyService,
  SpikeRules,
  SpikeActions,
  SpikeService,
  LevelsService,
  SnapshotService,
  WindowChanges,
  WindowsService,
  DefinitionsService,
  FileFollower,
  Presence,
  GatewaysService,
  RecallService,
  RefusalsService,
  BudgetsService,
  LeasesService,
  LostGateways,
  ReleasesService,
  SettlementService,
  CorrectionsService,
  LedgerService,
  ConfiguredSources,
  SourcesRepository,
  ReportedRepository,
  ReportedSpendRepository,
  ReportedSpikes,
  SpikeFinder,
  ReconciliationsRepository,
  ReconciliationService,
  SourceBooks,
  SourceReader,
  SourceTurn,
  SourceNews,
  SourcePoller,
  SourcesService,
  CostsRepository,
  CostsService,
  NoticesRepository,
  NoticesService,
  DailyCapService,
  SpendNotices,
  ForecastNotices,
];

/** What an emergency does to what is not Purser's own. */
const SHUTDOWN = [
  DockerEngine,
  ContainersService,
  ProcessesService,
  StoppingService,
  Responders,
  AcknowledgementsService,
  ReportsRepository,
  ReportsService,
  ReportingService,
  ShutdownService,
];

/** The files are read before anything is connected to: what is wrong with them is told at once. */
export interface Groundwork {
  env: Environment;
  budgets: BudgetsFile;
  alerts: AlertsFile;
  thresholds: SpendThresholds;
  shutdown: ShutdownSettings;
}

export function appModule({ env, budgets, alerts, thresholds, shutdown }: Groundwork): Type {
  @Module({
    controllers: [
      BudgetsHandlers,
      LeasesHandlers,
      LedgerHandlers,
      CostsHandlers,
      EmergencyHandlers,
      SpikeHandlers,
      ShutdownHandlers,
      AlertsHandlers,
      SourcesHandlers,
      SpendHealthController,
    ],
    providers: [
      { provide: ENVIRONMENT, useValue: env },
      { provide: BUDGETS_FILE, useValue: budgets },
      { provide: ALERTS_FILE, useValue: alerts },
      { provide: SPEND_THRESHOLDS, useValue: thresholds },
      ...shutdownSettings(shutdown),
      ...RULES,
      ...SHUTDOWN,
      NotifierLoader,
      Sweeps,
      AlertSweeps,
      AlertFigures,
      NoticeSweeps,
      RetentionRepository,
      Retention,
      AnnouncementsRepository,
      Announcements,
    ],
  })
  class AppModule {}
  return AppModule;
}
