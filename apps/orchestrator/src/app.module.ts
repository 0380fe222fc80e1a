import { Module } from '@nestjs/common';
import { FinishedBudgets } from './budgets/finished-budgets.service.js';
import { TaskBudgets } from './budgets/task-budgets.service.js';
import { LabelLanes } from './labels/label-lanes.js';
import { LabelLimitsRepository } from './labels/label-limits.repository.js';
import { LabelLimits } from './labels/label-limits.service.js';
import { LabelsFileFollower } from './labels/labels-file-follower.js';
import { LabelsHandlers } from './labels/labels.handlers.js';
import { LiveServices } from './services/live-services.js';
import { ServicesHandlers } from './services/services.handlers.js';
import { DependentsService } from './tasks/dependents.service.js';
import { ExecutorInputs } from './tasks/executor-inputs.js';
import { Intake } from './tasks/intake.service.js';
import { TaskFacts } from './tasks/task-facts.js';
import { TaskMetrics } from './tasks/task-metrics.js';
import { TaskUpkeep } from './tasks/task-upkeep.js';
import { TaskViews } from './tasks/task-views.service.js';
import { TasksHandlers } from './tasks/tasks.handlers.js';
import { TasksRepository } from './tasks/tasks.repository.js';
import { TasksService } from './tasks/tasks.service.js';
import { ClaimGate } from './work/claim-gate.js';
import { ClaimService } from './work/claim.service.js';
import { ClaimsRepository } from './work/claims.repository.js';
import { DueTasks } from './work/due-tasks.js';
import { EmergencyDuty } from './work/emergency.js';
import { Finishes } from './work/finishes.js';
import { Handout } from './work/handout.js';
import { LiveRunners } from './work/live-runners.js';
import { Nudge } from './work/nudge.js';
import { SessionEnds } from './work/session-ends.js';
import { Sweep } from './work/sweep.js';
import { WorkHandlers } from './work/work.handlers.js';
import { WorkRepository } from './work/work.repository.js';
import { WorkService } from './work/work.service.js';

@Module({
  controllers: [TasksHandlers, WorkHandlers, LabelsHandlers, ServicesHandlers],
  providers: [
    TasksRepository,
    Intake,
    ExecutorInputs,
    TasksService,
    TaskViews,
    TaskFacts,
    TaskMetrics,
    TaskUpkeep,
    DependentsService,
    TaskBudgets,
    FinishedBudgets,
    WorkRepository,
    ClaimsRepository,
    ClaimGate,
    Handout,
    LabelLimitsRepository,
    LabelLimits,
    LabelLanes,
    LabelsFileFollower,
    DueTasks,
    Finishes,
    ClaimService,
    WorkService,
    SessionEnds,
    Sweep,
    Nudge,
    EmergencyDuty,
    LiveServices,
    LiveRunners,
  ],
})
export class AppModule {}
