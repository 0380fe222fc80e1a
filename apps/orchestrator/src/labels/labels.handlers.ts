import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { labelsDelete, labelsList, labelsSet, type LabelStatus, type ReplyOf, type RequestOf } from '@purser/contracts';
import { LabelLimits } from './label-limits.service.js';

@Controller()
export class LabelsHandlers {
  constructor(private readonly labels: LabelLimits) {}

  @Serve(labelsList)
  list(): Promise<ReplyOf<typeof labelsList>> {
    return this.labels.list();
  }

  @Serve(labelsSet)
  set(request: RequestOf<typeof labelsSet>): Promise<LabelStatus> {
    return this.labels.set(request);
  }

  @Serve(labelsDelete)
  delete(request: RequestOf<typeof labelsDelete>): Promise<ReplyOf<typeof labelsDelete>> {
    return this.labels.delete(request);
  }
}
