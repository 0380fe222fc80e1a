import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { offloadDecide, offloadDecisions, offloadStatus, type ReplyOf, type RequestOf } from '@purser/contracts';
import { Decider } from '../deciding/decider.service.js';
import { DecisionsRepository } from '../deciding/decisions.repository.js';
import { StatusService } from './status.service.js';

@Controller()
export class OffloadHandlers {
  constructor(
    private readonly status: StatusService,
    private readonly decider: Decider,
    private readonly decisions: DecisionsRepository,
  ) {}

  @Serve(offloadStatus)
  read(): Promise<ReplyOf<typeof offloadStatus>> {
    return this.status.read();
  }

  @Serve(offloadDecisions)
  async list({ limit, action }: RequestOf<typeof offloadDecisions>): Promise<ReplyOf<typeof offloadDecisions>> {
    return { decisions: await this.decisions.newest(limit, action) };
  }

  @Serve(offloadDecide)
  async decide(): Promise<ReplyOf<typeof offloadDecide>> {
    return { decision: await this.decider.decideWhenAsked() };
  }
}
