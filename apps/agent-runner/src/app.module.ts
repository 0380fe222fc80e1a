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
import { PlacedExecutor } from './placing/placed.executor.js';
import { PullRequests } from './pull-requests/pull-requests.service.js';
import { ArtifactsRepository } from './records/artifacts.repository.js';
import { Artifacts } from './records/artifacts.service.js';
import { CheckpointsRepository } from './records/checkpoints.repository.js';
import { Checkpoints } from './records/checkpoints.service.js';
import { ChunksRepository } from './records/chunks.repository.js';
import { FencesRepository } from './records/fences.repository.js';
import { HandoffsRepository } from './records/handoffs.repository.js';
import { LogsRepository } from './records/logs.repository.js';
import { RecordNews } from './records/news.service.js';
import { RecordsHandlers } from './records/records.handlers.js';
import { RecordsService } from './records/records.service.js';
import { Metering } from './resources/metering.service.js';
import { OverheadsRepository } from './resources/overheads.repository.js';
import { Overheads } from './resources/overheads.service.js';
import { SessionAccess } from './sessions/session-access.service.js';
import { States } from './records/states.service.js';
import { ForgettingHandlers } from './retention/forgetting.handlers.js';
import { ForgettingRepository } from './retention/forgetting.repository.js';
import { ResourceMonitor } from './resources/resource-monitor.service.js';
import { RunnerMetrics } from './sessions/runner-metrics.js';
import { RecordStores, SessionRecordsService } from './sessions/session-records.service.js';
import { SessionClosing } from './sessions/session-closing.service.js';
import { SessionRunner } from './sessions/session-runner.service.js';
import { Sessions } from './sessions/sessions.service.js';
import { Claims } from './work/claims.service.js';
import { Finisher } from './work/finisher.service.js';
import { Heartbeats } from './work/heartbeats.service.js';
import { WorkHandlers } from './work/work.handlers.js';
import { Mirrors } from './workspaces/mirrors.service.js';
import { WorkTreesRepository } from './workspaces/work-trees.repository.js';
import { WorkTrees } from './workspaces/work-trees.service.js';
import { Workspaces } from './workspaces/workspaces.service.js';

@Module({
  controllers: [RecordsHandlers, RefusalsHandlers, WorkHandlers, EffectsHandlers, ForgettingHandlers],
  providers: [
    FencesRepository,
    CheckpointsRepository,
    HandoffsRepository,
    LogsRepository,
    ChunksRepository,
    ArtifactsRepository,
    States,
    Checkpoints,
    Artifacts,
    RecordNews,
    RecordsService,
    ForgettingRepository,
    PlacedExecutor,
    Executors,
    SessionKeys,
    EffectsRepository,
    EffectsService,
    ControlServer,
    SessionAccess,
    WorkTreesRepository,
    Mirrors,
    WorkTrees,
    PullRequests,
    Workspaces,
    RunnerMetrics,
    Finisher,
    RecordStores,
    SessionRecordsService,
    SessionClosing,
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
