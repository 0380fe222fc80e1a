import { Controller } from '@nestjs/common';
import { Serve, Take, type Taken } from '@purser/bus';
import {
  type ReplyOf,
  type RequestOf,
  type Task,
  tasksCancel,
  tasksCreate,
  tasksGet,
  tasksList,
  type TaskSpec,
  tasksSubmit,
} from '@purser/contracts';
import { Intake } from './intake.service.js';
import { TaskViews } from './task-views.service.js';
import { TasksService } from './tasks.service.js';

@Controller()
export class TasksHandlers {
  constructor(
    private readonly intake: Intake,
    private readonly tasks: TasksService,
    private readonly views: TaskViews,
  ) {}

  @Take(tasksSubmit)
  submit(taken: Taken<typeof tasksSubmit>): Promise<void> {
    return this.intake.submit(taken);
  }

  @Serve(tasksCreate)
  async create(spec: TaskSpec): Promise<Task> {
    return this.views.get(await this.intake.create(spec));
  }

  @Serve(tasksGet)
  get({ id }: RequestOf<typeof tasksGet>): Promise<Task> {
    return this.views.get(id);
  }

  @Serve(tasksList)
  list(request: RequestOf<typeof tasksList>): Promise<ReplyOf<typeof tasksList>> {
    return this.views.list(request);
  }

  @Serve(tasksCancel)
  async cancel({ id }: RequestOf<typeof tasksCancel>): Promise<Task> {
    await this.tasks.cancel(id);
    return this.views.get(id);
  }
}
