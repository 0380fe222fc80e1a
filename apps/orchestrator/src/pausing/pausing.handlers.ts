import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type RequestOf, type Task, tasksPause, tasksResume } from '@purser/contracts';
import { TaskViews } from '../tasks/task-views.service.js';
import { PausingService } from './pausing.service.js';

@Controller()
export class PausingHandlers {
  constructor(
    private readonly pausing: PausingService,
    private readonly views: TaskViews,
  ) {}

  @Serve(tasksPause)
  async pause(request: RequestOf<typeof tasksPause>): Promise<Task> {
    await this.pausing.pause(request);
    return this.views.get(request.id);
  }

  @Serve(tasksResume)
  async resume(request: RequestOf<typeof tasksResume>): Promise<Task> {
    await this.pausing.resume(request);
    return this.views.get(request.id);
  }
}
