import { Module, type Type } from '@nestjs/common';
import { AlertsHandlers } from './alerts/alerts.handlers.js';
import { AlertsService } from './alerts/alerts.service.js';
import { Announcements } from './announcements.js';
import { BUDGETS_FILE, type BudgetsFile } from './budgets/budgets-file.js';
import { BudgetsHandlers } from './budgets/budgets.handlers.js';
import { BudgetsRepository } from './budgets/budgets.repository.js';
import { BudgetsService } from './budgets/budgets.service.js';
import { DefinitionsService } from './budgets/definitions.service.js';
import { FileFollower } from './budgets/file-follower.service.js';
import { LevelsService } from './budgets/levels.service.js';
import { SnapshotService } from './budgets/snapshot.service.js';
import { EmergencyHandlers } from './emergency/emergency.handlers.js';
import { EmergencyService } from './emergency/emergency.service.js';
import { LatchBucket } from './emergency/latch-bucket.js';
import { LatchStores } from './emergency/latch-stores.js';
import { LatchRepository } from './emergency/latch.repository.js';
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
import { EntriesRepository } from './ledger/entries.repository.js';
import { LedgerHandlers } from './ledger/ledger.handlers.js';
import { LedgerRepository } from './ledger/ledger.repository.js';
import { LedgerService } from './ledger/ledger.service.js';
import { SettlementService } from './ledger/settlement.service.js';
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
  AlertsService,
  LatchBucket,
  LatchStores,
  EmergencyService,
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
  LedgerService,
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
export function appModule(file: BudgetsFile, shutdown: ShutdownSettings): Type {
  @Module({
    controllers: [BudgetsHandlers, LeasesHandlers, LedgerHandlers, EmergencyHandlers, ShutdownHandlers, AlertsHandlers],
    providers: [
      { provide: BUDGETS_FILE, useValue: file },
      ...shutdownSettings(shutdown),
      ...RULES,
      ...SHUTDOWN,
      Sweeps,
      Announcements,
    ],
  })
  class AppModule {}
  return AppModule;
}
