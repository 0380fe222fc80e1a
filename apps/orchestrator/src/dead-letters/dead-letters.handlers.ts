import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import {
  deadLettersGet,
  deadLettersList,
  type ReplyOf,
  type RequestOf,
  type Task,
  tasksRetry,
} from '@purser/contracts';
import { TaskViews } from '../tasks/task-views.service.js';
import { DeadLetters } from './dead-letters.service.js';
import { Retries } from './retries.service.js';

@Controller()
export class DeadLettersHandlers {
  constructor(
    private readonly deadLetters: DeadLetters,
    private readonly retries: Retries,
    private readonly views: TaskViews,
  ) {}

  @Serve(deadLettersList)
  list(request: RequestOf<typeof deadLettersList>): Promise<ReplyOf<typeof deadLettersList>> {
    return this.deadLetters.list(request);
  }

  @Serve(deadLettersGet)
  get(request: RequestOf<typeof deadLettersGet>): Promise<ReplyOf<typeof deadLettersGet>> {
    return this.deadLetters.get(request);
  }

  @Serve(tasksRetry)
  async retry(request: RequestOf<typeof tasksRetry>): Promise<Task> {
    return this.views.get(await this.retries.retry(request));
  }
}
