import { Module } from '@nestjs/common';
import { AdmissionHandlers } from './admission/admission.handlers.js';
import { AdmissionRepository } from './admission/admission.repository.js';
import { Admission } from './admission/admission.service.js';
import { BudgetSight } from './admission/budget-sight.js';
import { FinishedBudgets } from './budgets/finished-budgets.service.js';
import { TaskBudgets } from './budgets/task-budgets.service.js';
import { LabelLanes } from './labels/label-lanes.js';
import { LabelLimitsRepository } from './labels/label-limits.repository.js';
import { LabelLimits } from './labels/label-limits.service.js';
import { LabelsFileFollower } from './labels/labels-file-follower.js';
import { LabelsHandlers } from './labels/labels.handlers.js';
import { FiguresHandlers } from './figures/figures.handlers.js';
import { FiguresRepository } from './figures/figures.repository.js';
import { Figures } from './figures/figures.service.js';
import { OutlookHandlers } from './outlook/outlook.handlers.js';
import { OutlookRepository } from './outlook/outlook.repository.js';
import { Outlook } from './outlook/outlook.service.js';
import { FireTasks } from './schedules/fire-tasks.service.js';
import { Firing } from './schedules/firing.service.js';
import { ScheduleTimer } from './schedules/schedule-timer.js';
import { SchedulesHandlers } from './schedules/schedules.handlers.js';
import { SchedulesRepository } from './schedules/schedules.repository.js';
import { Schedules } from './schedules/schedules.service.js';
import { DeadLettersHandlers } from './dead-letters/dead-letters.handlers.js';
import { DeadLettersRepository } from './dead-letters/dead-letters.repository.js';
import { DeadLetters } from './dead-letters/dead-letters.service.js';
import { Retries } from './dead-letters/retries.service.js';
import { LiveEvents } from './events/live-events.service.js';
import { PausingHandlers } from './pausing/pausing.handlers.js';
import { PausingRepository } from './pausing/pausing.repository.js';
import { PausingService } from './pausing/pausing.service.js';
import { RetentionRepository } from './retention/retention.repository.js';
import { Retention } from './retention/retention.service.js';
import { LiveServices } from './services/live-services.js';
import { ServicesHandlers } from './services/services.handlers.js';
import { SignalsHandlers } from './signals/signals.handlers.js';
import { SignalsRepository } from './signals/signals.repository.js';
import { SignalsService } from './signals/signals.service.js';
import { DependentsService } from './tasks/dependents.service.js';
import { ExecutorInputs } from './tasks/executor-inputs.js';
import { Intake } from './tasks/intake.service.js';
import { NewTasksRepository } from './tasks/new-tasks.repository.js';
import { Rejections } from './tasks/rejections.service.js';
import { TaskFacts } from './tasks/task-facts.js';
import { TaskMetrics } from './tasks/task-metrics.js';
import { TaskStore } from './tasks/task-store.service.js';
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
import { Sights } from './work/sights.js';
import { Sweep } from './work/sweep.js';
import { WorkHandlers } from './work/work.handlers.js';
import { WorkRepository } from './work/work.repository.js';
import { WorkService } from './work/work.service.js';
import { LedgerSums } from './worth/ledger-sums.js';
import { MeasuresRepository } from './worth/measures.repository.js';
import { Predictions } from './worth/predictions.service.js';
import { RecordKeeper } from './worth/record-keeper.service.js';
import { RecordsRepository } from './worth/records.repository.js';
import { WorthHandlers } from './worth/worth.handlers.js';
import { Worth } from './worth/worth.service.js';

@Module({
  controllers: [
    TasksHandlers,
    WorkHandlers,
    ServicesHandlers,
    WorthHandlers,
    FiguresHandlers,
    AdmissionHandlers,
    SchedulesHandlers,
    LabelsHandlers,
    OutlookHandlers,
    PausingHandlers,
    SignalsHandlers,
    DeadLettersHandlers,
  ],
  providers: [
    TasksRepository,
    NewTasksRepository,
    TaskStore,
    Rejections,
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
    Sights,
    Sweep,
    Nudge,
    EmergencyDuty,
    LiveServices,
    LiveRunners,
    LedgerSums,
    MeasuresRepository,
    Predictions,
    RecordKeeper,
    RecordsRepository,
    Worth,
    FiguresRepository,
    Figures,
    AdmissionRepository,
    BudgetSight,
    Admission,
    SchedulesRepository,
    FireTasks,
    Firing,
    ScheduleTimer,
    Schedules,
    OutlookRepository,
    Outlook,
    LiveEvents,
    PausingRepository,
    PausingService,
    SignalsRepository,
    SignalsService,
    DeadLettersRepository,
    DeadLetters,
    Retries,
    RetentionRepository,
    Retention,
  ],
})
export class AppModule {}
