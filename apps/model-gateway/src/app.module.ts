import { Module, type Type } from '@nestjs/common';
import type { Environment } from '@purser/service';
import { AttemptPlanner } from './chat/attempt-planner.js';
import { Attempts } from './chat/attempts.js';
import { CallLog } from './chat/call-log.js';
import { CallMetrics } from './chat/call-metrics.js';
import { CallsInFlight } from './chat/calls-in-flight.js';
import { ChatController } from './chat/chat.controller.js';
import { ChatService } from './chat/chat.service.js';
import { Meter } from './chat/meter.js';
import { PaidGate } from './chat/paid-gate.js';
import { ENVIRONMENT } from './config.js';
import { ExperienceRepository } from './experience/experience.repository.js';
import { Experience } from './experience/experience.service.js';
import { Journal } from './journal/journal.js';
import { Settlements } from './journal/settlements.js';
import { Authenticator } from './keys/authenticator.js';
import { KeysHandlers } from './keys/keys.handlers.js';
import { KeysRepository } from './keys/keys.repository.js';
import { KeysService } from './keys/keys.service.js';
import { KeysSweep } from './keys/keys.sweep.js';
import { BudgetBook } from './leases/budget-book.js';
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

/** What exists before the service starts: the journal names the instance, and a bad models.json is told at once. */
export interface Groundwork {
  env: Environment;
  journal: Journal;
  ladders: Ladders;
}

export function appModule({ env, journal, ladders }: Groundwork): Type {
  @Module({
    controllers: [ChatController, KeysHandlers, LeasesHandlers, ModelsHandlers],
    providers: [
      { provide: ENVIRONMENT, useValue: env },
      { provide: Journal, useValue: journal },
      { provide: Ladders, useValue: ladders },
      AttemptPlanner,
      Attempts,
      Authenticator,
      BudgetBook,
      CallLog,
      CallMetrics,
      CallsInFlight,
      ChatService,
      Experience,
      ExperienceRepository,
      KeysRepository,
      KeysService,
      KeysSweep,
      LeaseClient,
      LeaseDesk,
      Lifecycle,
      Meter,
      Metering,
      ModelCatalogue,
      PaidGate,
      PluginLoader,
      Providers,
      Settlements,
    ],
  })
  class AppModule {}
  return AppModule;
}
