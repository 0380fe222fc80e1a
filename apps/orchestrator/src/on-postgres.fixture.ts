import type { Bus } from '@purser/bus';
import { CreateOutbox1700000000000, Database, factsOf, type OutboxEntry, type OutboxRow } from '@purser/database';
import { createLog, Latch, Metrics, Outbox, systemClock } from '@purser/service';
import { AdmissionRepository } from './admission/admission.repository.js';
import { TaskBudgets } from './budgets/task-budgets.service.js';
import { MIGRATIONS } from './migrations/index.js';
import { LabelLanes } from './labels/label-lanes.js';
import { LabelLimitsRepository } from './labels/label-limits.repository.js';
import { LabelLimits } from './labels/label-limits.service.js';
import { PausingRepository } from './pausing/pausing.repository.js';
import { PausingService } from './pausing/pausing.service.js';
import { LiveServices } from './services/live-services.js';
import { DependentsService } from './tasks/dependents.service.js';
import { ExecutorInputs } from './tasks/executor-inputs.js';
import { Intake } from './tasks/intake.service.js';
import { NewTasksRepository } from './tasks/new-tasks.repository.js';
import { Rejections } from './tasks/rejections.service.js';
import { TaskFacts } from './tasks/task-facts.js';
import { TaskMetrics } from './tasks/task-metrics.js';
import { TaskStore } from './tasks/task-store.service.js';
import { TasksRepository } from './tasks/tasks.repository.js';
import { TasksService } from './tasks/tasks.service.js';
import { ClaimGate } from './work/claim-gate.js';
import { ClaimService } from './work/claim.service.js';
import { ClaimsRepository } from './work/claims.repository.js';
import { Finishes } from './work/finishes.js';
import { Handout } from './work/handout.js';
import { Nudge } from './work/nudge.js';
import { SessionEnds } from './work/session-ends.js';
import { WorkRepository } from './work/work.repository.js';
import { WorkService } from './work/work.service.js';

export const LEASE_MS = 8_000;

export const openTasks = (url: string): Promise<Database> =>
  Database.open({
    url,
    schema: 'tasks',
    migrations: [CreateOutbox1700000000000, ...MIGRATIONS],
    applicationName: 'purser orchestrator spec',
  });

/** For specs: the orchestrator's rules on a real database, while the bus is away, so that every fact stays in the outbox. */
export class OnPostgres {
  /** By a clock that stands still: what is known of the latch stays fresh, however long a spec takes. */
  readonly latch = new Latch({ now: () => systemClock.now(), monotonic: () => 0 });
  readonly services = new LiveServices(systemClock);
  readonly inputs: ExecutorInputs;
  readonly newTasks = new NewTasksRepository();
  readonly store: TaskStore;
  readonly intake: Intake;
  readonly tasks: TasksService;
  readonly repository: TasksRepository;
  readonly budgets: TaskBudgets;
  readonly dependents: DependentsService;
  readonly labels: LabelLimits;
  readonly claims: ClaimService;
  readonly work: WorkService;
  readonly ends: SessionEnds;
  readonly pausing: PausingService;

  constructor(readonly database: Database) {
    const log = createLog({ service: 'orchestrator', instance: 'spec', level: 'silent' });
    const bus = { connected: false, origin: { service: 'orchestrator', instance: 'spec' } } as Bus;
    const facts = new TaskFacts(new Outbox(database, bus, log));
    const nudge = new Nudge(bus, log);
    const work = new WorkRepository(database);
    const config = { PURSER_LEASE_MS: LEASE_MS };
    this.repository = new TasksRepository(database);
    const metrics = new TaskMetrics(new Metrics('orchestrator'), this.repository);
    this.dependents = new DependentsService(database, this.repository, facts, nudge);
    this.budgets = new TaskBudgets(database, this.repository, bus, facts, nudge, log);
    this.inputs = new ExecutorInputs(this.services);
    this.store = new TaskStore(database, this.newTasks, this.inputs, this.dependents, this.budgets, facts);
    this.intake = new Intake(this.store, new Rejections(database, facts), log);
    this.tasks = new TasksService(database, this.repository, this.dependents, facts);
    this.pausing = new PausingService(
      database,
      new PausingRepository(),
      this.repository,
      this.dependents,
      facts,
      nudge,
    );
    this.ends = new SessionEnds(database, work, facts, this.dependents, nudge, metrics);
    const labels = new LabelLimitsRepository(database);
    this.labels = new LabelLimits(database, labels, nudge);
    const claims = new ClaimsRepository(database);
    const gate = new ClaimGate(this.latch, claims, work, nudge, systemClock);
    const handout = new Handout(database, claims, new LabelLanes(labels), gate, facts);
    this.claims = new ClaimService(claims, handout, facts, metrics, gate, config);
    const admission = new AdmissionRepository(database);
    this.work = new WorkService(database, work, facts, new Finishes(database, work, this.ends), config, admission);
    this.latch.observe({ serial: 1, active: false, by: 'spec', reason: '', at: new Date().toISOString() }, true);
  }

  /** The subjects of the facts so far, in order. */
  async facts(): Promise<string[]> {
    return (await this.told()).map(({ subject }) => subject);
  }

  /** The facts so far, in order. */
  async told(): Promise<OutboxEntry[]> {
    const rows = await this.database.query<OutboxRow>('SELECT event_id, subject, event FROM outbox ORDER BY seq');
    return rows.flatMap(factsOf);
  }

  /** As if the runner had fallen silent a lease ago. */
  async silence(taskId: string): Promise<void> {
    await this.database.query(
      `UPDATE tasks SET lease_until = now() - interval '1 second' WHERE id = $1 AND state = 'running'`,
      [taskId],
    );
  }
}
