import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import {
  PurserError,
  type ReplyOf,
  type RequestOf,
  type Schedule,
  type ScheduleFire,
  type ScheduleSpec,
} from '@purser/contracts';
import type { schedulesGet, schedulesList } from '@purser/contracts';
import { Database } from '@purser/database';
import { Clock } from '@purser/service';
import { FireTasks } from './fire-tasks.service.js';
import { Firing } from './firing.service.js';
import { fireOf, scheduleOf, type ScheduleRow } from './schedule.row.js';
import { ScheduleTimer } from './schedule-timer.js';
import { SchedulesRepository } from './schedules.repository.js';
import { nextFire, requireTimes, timetableOf } from './timetable.js';

const SHOWN_FIRES = 20;

/** Makes schedules, shows them, and changes them. */
@Injectable()
export class Schedules {
  constructor(
    private readonly database: Database,
    private readonly schedules: SchedulesRepository,
    private readonly tasks: FireTasks,
    private readonly firing: Firing,
    private readonly timer: ScheduleTimer,
    private readonly clock: Clock,
  ) {}

  async create(spec: ScheduleSpec): Promise<Schedule> {
    const before = await this.schedules.find(spec.id);
    if (before) return this.sameAsBefore(before, spec);
    const now = this.now();
    this.check(spec, now);
    const next = nextFire(timetableOf(spec, now), now);
    const row = await this.schedules.insert({ spec, anchor: now, next, now });
    if (!row) return this.create(spec); // Another one was quicker.
    this.timer.changed();
    return scheduleOf(row, undefined);
  }

  async update(spec: ScheduleSpec): Promise<Schedule> {
    const now = this.now();
    const row = await this.database.transaction(async (tx) => {
      const before = await this.schedules.hold(tx, spec.id);
      if (!before) return undefined;
      if (isDeepStrictEqual(before.spec, spec)) return before;
      this.check(spec, now);
      // The grid of an interval stays where it is when something else is changed.
      const kept = before.spec.everySeconds === spec.everySeconds;
      const anchor = kept ? before.anchor_at.getTime() : now;
      return this.schedules.update(tx, { spec, anchor, next: nextFire(timetableOf(spec, anchor), now), now });
    });
    if (!row) throw noSuchSchedule(spec.id);
    this.timer.changed();
    return this.view(row);
  }

  async list({ limit, after }: RequestOf<typeof schedulesList>): Promise<ReplyOf<typeof schedulesList>> {
    const rows = await this.schedules.list(limit + 1, after);
    const shown = rows.slice(0, limit);
    const fires = await this.schedules.lastFires(shown.map(({ id }) => id));
    const last = new Map(fires.map((fire) => [fire.schedule_id, fire]));
    return {
      schedules: shown.map((row) => scheduleOf(row, last.get(row.id))),
      next: rows.length > limit ? (shown.at(-1)?.id ?? null) : null,
    };
  }

  async get(id: string): Promise<ReplyOf<typeof schedulesGet>> {
    const [row, fires] = await Promise.all([this.schedules.find(id), this.schedules.firesOf(id, SHOWN_FIRES)]);
    if (!row) throw noSuchSchedule(id);
    return { schedule: scheduleOf(row, fires[0]), fires: fires.map(fireOf) };
  }

  async delete(id: string): Promise<{ id: string; deleted: boolean }> {
    const deleted = await this.schedules.delete(id);
    if (deleted) this.timer.changed();
    return { id, deleted };
  }

  async pause(id: string, reason: string): Promise<Schedule> {
    await this.schedules.pause(id, reason, this.now());
    this.timer.changed();
    return (await this.get(id)).schedule;
  }

  async resume(id: string): Promise<Schedule> {
    await this.database.transaction(async (tx) => {
      const row = await this.schedules.hold(tx, id);
      if (row?.paused_reason == null) return;
      const now = this.now();
      await this.schedules.resume(tx, id, nextFire(timetableOf(row.spec, row.anchor_at.getTime()), now), now);
    });
    this.timer.changed();
    return (await this.get(id)).schedule;
  }

  async trigger(id: string): Promise<ScheduleFire> {
    const fire = await this.firing.trigger(id);
    if (!fire) throw noSuchSchedule(id);
    return fireOf(fire);
  }

  private check(spec: ScheduleSpec, now: number): void {
    requireTimes(spec, now);
    this.tasks.check(spec, now);
  }

  private sameAsBefore(before: ScheduleRow, spec: ScheduleSpec): Promise<Schedule> {
    const [was, asked] = [before.spec, spec] as Record<string, unknown>[];
    const fields = Object.keys({ ...was, ...asked }).filter(
      (field) => !isDeepStrictEqual(was?.[field], asked?.[field]),
    );
    if (fields.length === 0) return this.view(before);
    throw new PurserError('conflict', {
      message: `there is already a schedule "${spec.id}", with another ${fields.join(', ')}; change it with schedules.update (PUT /v1/schedules/${spec.id}), or use another id`,
      details: { fields },
    });
  }

  private async view(row: ScheduleRow): Promise<Schedule> {
    const [last] = await this.schedules.firesOf(row.id, 1);
    return scheduleOf(row, last);
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}

const noSuchSchedule = (id: string): PurserError =>
  new PurserError('not_found', { message: `there is no schedule "${id}"`, details: { id } });
