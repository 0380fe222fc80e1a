import { Controller } from '@nestjs/common';
import { Serve, Take, type Taken } from '@purser/bus';
import {
  type ReplyOf,
  type RequestOf,
  type Task,
  tasksCancel,
  tasksCreate,
  tasksBatch,
  tasksGet,
  tasksList,
  type TaskSpec,
  tasksSubmit,
} from '@purser/contracts';
import { batchResult } from './batch-result.js';
import { Intake } from './intake.service.js';
import { newTask } from './submission.js';
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
    const taken = await this.intake.take(newTask(spec));
    return taken.kind === 'stored' ? this.views.stored(taken) : this.views.get(taken.row.id);
  }

  @Serve(tasksBatch)
  async createMany({ tasks }: RequestOf<typeof tasksBatch>): Promise<ReplyOf<typeof tasksBatch>> {
    const results = (await this.intake.createMany(tasks)).map(batchResult);
    const refused = results.filter(({ error }) => error !== null).length;
    return { taken: results.length - refused, refused, results };
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
  async cancel({ id, children }: RequestOf<typeof tasksCancel>): Promise<Task> {
    await this.tasks.cancel(id, children);
    return this.views.get(id);
  }
}
