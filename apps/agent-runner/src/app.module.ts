import { Module } from '@nestjs/common';
import { Executors } from './executors/executors.js';
import { SessionKeys } from './keys/session-keys.service.js';
import { EmergencyService } from './lifecycle/emergency.service.js';
import { Leftovers } from './lifecycle/leftovers.service.js';
import { RunnerLifecycle } from './lifecycle/runner-lifecycle.service.js';
import { CheckpointsRepository } from './records/checkpoints.repository.js';
import { FencesRepository } from './records/fences.repository.js';
import { HandoffsRepository } from './records/handoffs.repository.js';
import { LogsRepository } from './records/logs.repository.js';
import { RecordsHandlers } from './records/records.handlers.js';
import { RecordsService } from './records/records.service.js';
import { ForgettingHandlers } from './retention/forgetting.handlers.js';
import { ForgettingRepository } from './retention/forgetting.repository.js';
import { ResourceMonitor } from './resources/resource-monitor.service.js';
import { RunnerMetrics } from './sessions/runner-metrics.js';
import { SessionRecordsService } from './sessions/session-records.service.js';
import { SessionRunner } from './sessions/session-runner.service.js';
import { Sessions } from './sessions/sessions.service.js';
import { Claims } from './work/claims.service.js';
import { Finisher } from './work/finisher.service.js';
import { Heartbeats } from './work/heartbeats.service.js';
import { WorkHandlers } from './work/work.handlers.js';
import { Workspaces } from './workspaces/workspaces.service.js';

@Module({
  controllers: [RecordsHandlers, WorkHandlers, ForgettingHandlers],
  providers: [
    FencesRepository,
    CheckpointsRepository,
    HandoffsRepository,
    LogsRepository,
    RecordsService,
    ForgettingRepository,
    Executors,
    SessionKeys,
    Workspaces,
    RunnerMetrics,
    Finisher,
    SessionRecordsService,
    SessionRunner,
    Sessions,
    Heartbeats,
    Claims,
    ResourceMonitor,
    Leftovers,
    EmergencyService,
    RunnerLifecycle,
  ],
})
export class AppModule {}
