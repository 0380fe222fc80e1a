import { Module, type Type } from '@nestjs/common';
import type { Environment } from '@purser/service';
import { CallRecords } from './call-records/call-records.service.js';
import { CallsHandlers } from './call-records/calls.handlers.js';
import { CallsRepository } from './call-records/calls.repository.js';
import { AttemptPlanner } from './calls/attempt-planner.js';
import { Attempts } from './calls/attempts.js';
import { CallLog } from './calls/call-log.js';
import { CallMetrics } from './calls/call-metrics.js';
import { CallsInFlight } from './calls/calls-in-flight.js';
import { Calls } from './calls/calls.service.js';
import { Meter } from './calls/meter.js';
import { PaidGate } from './calls/paid-gate.js';
import { RefusedSessions } from './calls/refused-sessions.js';
import { TierCalls } from './calls/tier-calls.js';
import { ENVIRONMENT } from './config.js';
import { CallsController } from './endpoints/calls.controller.js';
import { ChatController } from './endpoints/chat.controller.js';
import { ChatEndpoint } from './endpoints/chat-endpoint.js';
import { CompleteHandlers } from './endpoints/complete.handlers.js';
import { CountTokensController } from './endpoints/count-tokens.controller.js';
import { DirectChats } from './endpoints/direct-chats.js';
import { MediaController } from './endpoints/media.controller.js';
import { ModelEndpoint } from './endpoints/model-endpoint.js';
import { OpenApiController } from './endpoints/openapi.controller.js';
import { ModelsController } from './endpoints/models.controller.js';
import { StoredResponsesController } from './endpoints/stored-responses.controller.js';
import { ExperienceRepository } from './experience/experience.repository.js';
import { Experience } from './experience/experience.service.js';
import { Journal } from './journal/journal.js';
import { Settlements } from './journal/settlements.js';
import { Authenticator } from './keys/authenticator.js';
import { KeyCache } from './keys/key-cache.js';
import { KeyChanges } from './keys/key-changes.js';
import { KeyLimits } from './keys/key-limits.js';
import { KeyMinutesRepository } from './keys/key-minutes.repository.js';
import { KeysHandlers } from './keys/keys.handlers.js';
import { KeysRepository } from './keys/keys.repository.js';
import { KeysService } from './keys/keys.service.js';
import { KeysSweep } from './keys/keys.sweep.js';
import { BudgetBook } from './leases/budget-book.js';
import { BudgetNotes } from './leases/budget-notes.js';
import { LeaseClient } from './leases/lease-client.js';
import { LeaseDesk } from './leases/lease-desk.js';
import { LeasesHandlers } from './leases/leases.handlers.js';
import { Lifecycle } from './lifecycle.js';
import { Metering } from './metering.js';
import { Ladders } from './models/ladders.js';
import { ModelCatalogue } from './models/model-catalogue.js';
import { ModelsHandlers } from './models/models.handlers.js';
import { PluginLoader } from './models/plugin-loader.js';
import { Providers } from './models/providers.js';
import { QuotasRepository } from './quotas/quotas.repository.js';
import { Quotas } from './quotas/quotas.service.js';
import { PriceTable } from './prices/price-table.js';
import { PriceWarnings } from './prices/price-warnings.js';
import { PricesFollower } from './prices/prices.follower.js';
import { PricesHandlers } from './prices/prices.handlers.js';
import { PricesRepository } from './prices/prices.repository.js';
import { PricesService } from './prices/prices.service.js';
import { InputCounts } from './token-counts/input-counts.service.js';
import { TokenCounts } from './token-counts/token-counts.service.js';
import { Tokenizers } from './token-counts/tokenizers.js';

/** What exists before the service starts: the journal names the instance, and a bad models.json or prices.json is told at once. */
export interface Groundwork {
  env: Environment;
  journal: Journal;
  ladders: Ladders;
  prices: PriceTable;
}

export function appModule({ env, journal, ladders, prices }: Groundwork): Type {
  @Module({
    controllers: [
      ChatController,
      CountTokensController,
      CallsController,
      CallsHandlers,
      CompleteHandlers,
      KeysHandlers,
      LeasesHandlers,
      MediaController,
      ModelsController,
      ModelsHandlers,
      OpenApiController,
      PricesHandlers,
      StoredResponsesController,
    ],
    providers: [
      { provide: ENVIRONMENT, useValue: env },
      { provide: Journal, useValue: journal },
      { provide: Ladders, useValue: ladders },
      { provide: PriceTable, useValue: prices },
      AttemptPlanner,
      Attempts,
      Authenticator,
      BudgetBook,
      BudgetNotes,
      CallLog,
      CallMetrics,
      CallRecords,
      Calls,
      CallsInFlight,
      CallsRepository,
      ChatEndpoint,
      DirectChats,
      Experience,
      ExperienceRepository,
      InputCounts,
      KeyCache,
      KeyChanges,
      KeyLimits,
      KeyMinutesRepository,
      KeysRepository,
      KeysService,
      KeysSweep,
      LeaseClient,
      LeaseDesk,
      Lifecycle,
      Meter,
      Metering,
      ModelCatalogue,
      ModelEndpoint,
      PaidGate,
      PluginLoader,
      PricesFollower,
      PricesRepository,
      PricesService,
      PriceWarnings,
      Providers,
      Quotas,
      QuotasRepository,
      RefusedSessions,
      Settlements,
      TierCalls,
      TokenCounts,
      Tokenizers,
    ],
  })
  class AppModule {}
  return AppModule;
}
