import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import {
  type Prediction,
  recordsGet,
  recordsList,
  type ReplyOf,
  type RequestOf,
  type TaskRecord,
  tasksEstimate,
  type TaskSpec,
} from '@purser/contracts';
import { Worth } from './worth.service.js';

@Controller()
export class WorthHandlers {
  constructor(private readonly worth: Worth) {}

  @Serve(tasksEstimate)
  estimate(spec: TaskSpec): Promise<Prediction> {
    return this.worth.estimate(spec);
  }

  @Serve(recordsGet)
  get({ id }: RequestOf<typeof recordsGet>): Promise<TaskRecord> {
    return this.worth.record(id);
  }

  @Serve(recordsList)
  list(request: RequestOf<typeof recordsList>): Promise<ReplyOf<typeof recordsList>> {
    return this.worth.list(request);
  }
}
