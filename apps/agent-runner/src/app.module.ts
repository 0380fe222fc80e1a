import { Module } from '@nestjs/common';
import { ControlServer } from './control/control-server.service.js';
import { EffectsHandlers } from './effects/effects.handlers.js';
import { EffectsRepository } from './effects/effects.repository.js';
import { EffectsService } from './effects/effects.service.js';
import { Executors } from './executors/executors.js';
import { RefusalsHandlers } from './keys/refusals.handlers.js';
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
import { Metering } from './resources/metering.service.js';
import { OverheadsRepository } from './resources/overheads.repository.js';
import { Overheads } from './resources/overheads.service.js';
import { ResourceMonitor } from './resources/resource-monitor.service.js';
import { RunnerMetrics } from './sessions/runner-metrics.js';
import { SessionAccess } from './sessions/session-access.service.js';
import { SessionRecordsService } from './sessions/session-records.service.js';
import { SessionRunner } from './sessions/session-runner.service.js';
import { Sessions } from './sessions/sessions.service.js';
import { Claims } from './work/claims.service.js';
import { Finisher } from './work/finisher.service.js';
import { Heartbeats } from './work/heartbeats.service.js';
import { WorkHandlers } from './work/work.handlers.js';
import { Workspaces } from './workspaces/workspaces.service.js';

@Module({
  controllers: [RecordsHandlers, RefusalsHandlers, WorkHandlers, EffectsHandlers],
  providers: [
    FencesRepository,
    CheckpointsRepository,
    HandoffsRepository,
    LogsRepository,
    RecordsService,
    Executors,
    SessionKeys,
    EffectsRepository,
    EffectsService,
    ControlServer,
    SessionAccess,
    Workspaces,
    RunnerMetrics,
    Finisher,
    SessionRecordsService,
    SessionRunner,
    Sessions,
    Heartbeats,
    Claims,
    Metering,
    OverheadsRepository,
    Overheads,
    ResourceMonitor,
    Leftovers,
    EmergencyService,
    RunnerLifecycle,
  ],
})
export class AppModule {}
