import { Module } from '@nestjs/common';
import { FinishedBudgets } from './budgets/finished-budgets.service.js';
import { TaskBudgets } from './budgets/task-budgets.service.js';
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
import { TaskFacts } from './tasks/task-facts.js';
import { TaskMetrics } from './tasks/task-metrics.js';
import { TaskUpkeep } from './tasks/task-upkeep.js';
import { TaskViews } from './tasks/task-views.service.js';
import { TasksHandlers } from './tasks/tasks.handlers.js';
import { TasksRepository } from './tasks/tasks.repository.js';
import { TasksService } from './tasks/tasks.service.js';
import { ClaimService } from './work/claim.service.js';
import { EmergencyDuty } from './work/emergency.js';
import { LiveRunners } from './work/live-runners.js';
import { Nudge } from './work/nudge.js';
import { SessionEnds } from './work/session-ends.js';
import { Sweep } from './work/sweep.js';
import { WorkHandlers } from './work/work.handlers.js';
import { WorkRepository } from './work/work.repository.js';
import { WorkService } from './work/work.service.js';

@Module({
  controllers: [TasksHandlers, WorkHandlers, ServicesHandlers, PausingHandlers, SignalsHandlers, DeadLettersHandlers],
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
    ClaimService,
    WorkService,
    SessionEnds,
    Sweep,
    Nudge,
    EmergencyDuty,
    LiveServices,
    LiveRunners,
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
