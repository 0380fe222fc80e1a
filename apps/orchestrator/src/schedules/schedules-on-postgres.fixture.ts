import { randomUUID } from 'node:crypto';
import type { Bus } from '@purser/bus';
import { type Assignment, ScheduleSpec, type ScheduleSpecInput } from '@purser/contracts';
import type { Database } from '@purser/database';
import { type Clock, createLog } from '@purser/service';
import { OnPostgres } from '../on-postgres.fixture.js';
import { FireTasks } from './fire-tasks.service.js';
import { Firing } from './firing.service.js';
import { ScheduleTimer } from './schedule-timer.js';
import { SchedulesRepository } from './schedules.repository.js';
import { Schedules } from './schedules.service.js';

/** A clock that stands where a spec puts it. */
export class SetClock implements Clock {
  constructor(public at: string) {}
  now = (): Date => new Date(this.at);
  monotonic = (): number => performance.now();
}

/** For specs: one orchestrator's schedules on a real database; several on one database are several orchestrators. */
export class SchedulesOnPostgres extends OnPostgres {
  readonly firing: Firing;
  readonly schedules: Schedules;

  constructor(
    database: Database,
    readonly clock: SetClock,
  ) {
    super(database);
    const log = createLog({ service: 'orchestrator', instance: 'spec', level: 'silent' });
    const bus = { connected: false, origin: { service: 'orchestrator', instance: 'spec' } } as Bus;
    const repository = new SchedulesRepository(database);
    const fireTasks = new FireTasks(this.store, this.newTasks, this.tasks, this.inputs);
    this.firing = new Firing(database, repository, fireTasks, clock, log);
    const timer = new ScheduleTimer(this.firing, repository, bus, clock, log);
    timer.onModuleDestroy().catch(() => undefined); // Specs fire by hand.
    this.schedules = new Schedules(database, repository, fireTasks, this.firing, timer, clock);
  }

  make(id: string, given: Partial<ScheduleSpecInput>): Promise<unknown> {
    return this.schedules.create(scheduleSpec(id, given));
  }

  /** As the orchestrator does when it wakes up at this time. */
  async wakeAt(at: string): Promise<void> {
    this.clock.at = at;
    while (await this.firing.fireNext());
  }

  /** `<outcome> <fire time> <task or reason>`, oldest first. */
  async fires(id: string): Promise<string[]> {
    const { fires } = await this.schedules.get(id);
    return fires
      .reverse()
      .map(({ at, outcome, taskId, reason }) => `${outcome} ${at.slice(11, 16)} ${taskId ?? reason}`);
  }

  async taskIds(): Promise<string[]> {
    const rows = await this.database.query<{ id: string }>('SELECT id FROM tasks ORDER BY seq');
    return rows.map(({ id }) => id);
  }

  /** Claims the oldest ready task; the latch is read anew first, as its state of before may be too old by now. */
  async takeOne(): Promise<Assignment | undefined> {
    this.latch.observe({ serial: 1, active: false, by: 'spec', reason: '', at: new Date().toISOString() }, true);
    const asked = { requestId: randomUUID(), runner: 'r1', slots: 1, executors: ['command'] };
    return (await this.claims.claim(asked)).assignments[0];
  }

  /** The same, and gives it back as completed. */
  async doOne(): Promise<string | undefined> {
    const one = await this.takeOne();
    if (!one) return undefined;
    const { taskId, epoch, sessionId } = one;
    const outcome = { kind: 'completed' as const, result: null };
    await this.work.finish({ requestId: `${sessionId}-f`, runner: 'r1', taskId, epoch, outcome });
    return taskId;
  }
}

export const scheduleSpec = (id: string, given: Partial<ScheduleSpecInput>): ScheduleSpec =>
  ScheduleSpec.parse({ id, task: { executor: 'command', input: { argv: ['true'] } }, ...given });
