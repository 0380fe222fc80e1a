import { Controller } from '@nestjs/common';
import { Hear, Serve } from '@purser/bus';
import {
  type ReplyOf,
  type RequestOf,
  type Schedule,
  type ScheduleFire,
  schedulesChanged,
  schedulesCreate,
  schedulesDelete,
  schedulesGet,
  schedulesList,
  schedulesPause,
  schedulesResume,
  schedulesTrigger,
  schedulesUpdate,
  type ScheduleSpec,
} from '@purser/contracts';
import { Schedules } from './schedules.service.js';
import { ScheduleTimer } from './schedule-timer.js';

@Controller()
export class SchedulesHandlers {
  constructor(
    private readonly schedules: Schedules,
    private readonly timer: ScheduleTimer,
  ) {}

  @Serve(schedulesCreate)
  create(spec: ScheduleSpec): Promise<Schedule> {
    return this.schedules.create(spec);
  }

  @Serve(schedulesUpdate)
  update(spec: ScheduleSpec): Promise<Schedule> {
    return this.schedules.update(spec);
  }

  @Serve(schedulesList)
  list(request: RequestOf<typeof schedulesList>): Promise<ReplyOf<typeof schedulesList>> {
    return this.schedules.list(request);
  }

  @Serve(schedulesGet)
  get({ id }: RequestOf<typeof schedulesGet>): Promise<ReplyOf<typeof schedulesGet>> {
    return this.schedules.get(id);
  }

  @Serve(schedulesDelete)
  delete({ id }: RequestOf<typeof schedulesDelete>): Promise<ReplyOf<typeof schedulesDelete>> {
    return this.schedules.delete(id);
  }

  @Serve(schedulesPause)
  pause({ id, reason }: RequestOf<typeof schedulesPause>): Promise<Schedule> {
    return this.schedules.pause(id, reason);
  }

  @Serve(schedulesResume)
  resume({ id }: RequestOf<typeof schedulesResume>): Promise<Schedule> {
    return this.schedules.resume(id);
  }

  @Serve(schedulesTrigger)
  trigger({ id }: RequestOf<typeof schedulesTrigger>): Promise<ScheduleFire> {
    return this.schedules.trigger(id);
  }

  @Hear(schedulesChanged)
  changed(): Promise<void> {
    this.timer.look();
    return Promise.resolve();
  }
}
