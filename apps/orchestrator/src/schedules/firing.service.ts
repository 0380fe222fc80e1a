import { Injectable } from '@nestjs/common';
import { isPurserError, type ScheduleSpec } from '@purser/contracts';
import { Database, type Sql, storable } from '@purser/database';
import { Clock, Log } from '@purser/service';
import { decideOverlap, type EarlierTask, planFires } from './fire-plan.js';
import { type FiredTask, FireTasks } from './fire-tasks.service.js';
import type { FireRow, ScheduleRow } from './schedule.row.js';
import type { Cancelled } from '../tasks/tasks.service.js';
import { SchedulesRepository } from './schedules.repository.js';

const KEPT_MS = 7 * 86_400_000;

interface Fire {
  at: number;
  now: number;
  manual: boolean;
}

interface Decided {
  outcome: FireRow['outcome'];
  reason: string | null;
  task: FiredTask | undefined;
  /** The tasks that it replaces. */
  cancelled: Cancelled[];
}

interface Fired extends Pick<Decided, 'task' | 'cancelled'> {
  row: FireRow;
}

/** Fires schedules: the row of a fire and its task are one transaction, under the lock of the schedule. */
@Injectable()
export class Firing {
  constructor(
    private readonly database: Database,
    private readonly schedules: SchedulesRepository,
    private readonly tasks: FireTasks,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** @returns false when none is due, or others hold those that are */
  async fireNext(): Promise<boolean> {
    let held: ScheduleRow | undefined;
    try {
      const { fired, missed } = await this.database.transaction(async (tx) => {
        const now = this.clock.now().getTime();
        held = await this.schedules.holdDue(tx, now);
        return held ? this.fireDue(tx, held, now) : { fired: undefined, missed: 0 };
      });
      await this.tasks.announce(fired);
      if (missed > 0) this.log.warn({ schedule: held?.id, missed }, 'fire times passed and are not caught up');
    } catch (error) {
      if (!held || (isPurserError(error) && error.retryable)) throw error;
      await this.giveUp(held.id, error);
    }
    return held !== undefined;
  }

  private async fireDue(tx: Sql, row: ScheduleRow, now: number): Promise<{ fired: Fired | undefined; missed: number }> {
    const plan = planFires({ spec: row.spec, anchor: row.anchor_at.getTime(), cursor: row.cursor_at.getTime() }, now);
    const fired = plan.fire === null ? undefined : await this.fire(tx, row, { at: plan.fire, now, manual: false });
    await this.schedules.moveOn(tx, row.id, plan);
    await this.schedules.forgetFires(tx, row.id, now - KEPT_MS);
    return { fired, missed: plan.missed };
  }

  /** One that cannot even be refused would keep all others from being fired. */
  private async giveUp(id: string, error: unknown): Promise<void> {
    this.log.error({ error, schedule: id }, 'a schedule cannot be fired and is paused');
    await this.schedules.pause(id, `it cannot be fired: ${(error as Error).message}`, this.clock.now().getTime());
  }

  /** Undefined when there is no such schedule. */
  async trigger(id: string): Promise<FireRow | undefined> {
    const fired = await this.database.transaction(async (tx) => {
      const held = await this.schedules.hold(tx, id);
      if (!held) return undefined;
      const now = this.clock.now().getTime();
      // Not a whole second, which may be a timetable's; nor the time of another trigger.
      let at = now;
      while (at % 1000 === 0 || (await this.schedules.isFired(tx, id, at))) at++;
      return this.fire(tx, held, { at, now, manual: true });
    });
    await this.tasks.announce(fired);
    return fired?.row;
  }

  /** Undefined when this time was fired already, as after the clock was set back. */
  private async fire(tx: Sql, { id, spec }: ScheduleRow, { at, now, manual }: Fire): Promise<Fired | undefined> {
    if (await this.schedules.isFired(tx, id, at)) return undefined;
    const { task, reason, outcome, cancelled } = await this.decide(
      tx,
      spec,
      at,
      await this.schedules.earlierTasks(tx, id),
    );
    const row: FireRow = {
      schedule_id: id,
      fire_at: new Date(at),
      outcome,
      task_id: task?.row.id ?? null,
      reason: storable(reason),
      manual,
      fired_at: new Date(now),
    };
    await this.schedules.addFire(tx, row);
    return { row, task, cancelled };
  }

  private async decide(tx: Sql, spec: ScheduleSpec, at: number, earlier: EarlierTask[]): Promise<Decided> {
    const decision = decideOverlap(spec, earlier);
    if (decision.kind === 'skip')
      return { outcome: 'skipped', reason: decision.reason, task: undefined, cancelled: [] };
    const after = decision.kind === 'start' ? [] : decision.earlier;
    const cancelled = decision.kind === 'replace' ? await this.tasks.cancel(tx, after) : [];
    const stored = await this.tryStore(tx, () => this.tasks.put(tx, spec, at, after));
    if ('refused' in stored) return { outcome: 'refused', reason: stored.refused, task: undefined, cancelled };
    const isBlocked = stored.kind === 'stored' && stored.state === 'blocked';
    const waits = isBlocked ? `waits for ${stored.task.spec.dependsOn.join(', ')}` : null;
    return { outcome: 'fired', reason: waits, task: stored, cancelled };
  }

  /** A task that nobody would take must hold up neither its schedule nor the others. */
  private async tryStore(tx: Sql, store: () => Promise<FiredTask>): Promise<FiredTask | { refused: string }> {
    await tx.query('SAVEPOINT fire');
    try {
      const stored = await store();
      await tx.query('RELEASE SAVEPOINT fire');
      return stored;
    } catch (error) {
      if (!isPurserError(error) || error.retryable || error.code === 'internal') throw error;
      await tx.query('ROLLBACK TO SAVEPOINT fire');
      this.log.warn({ error }, 'the task of a schedule was refused');
      return { refused: error.message };
    }
  }
}
