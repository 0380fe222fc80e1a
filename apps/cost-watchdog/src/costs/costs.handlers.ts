import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { costsHistory, costsSummary, type ReplyOf, type RequestOf } from '@purser/contracts';
import { CostsService } from './costs.service.js';

@Controller()
export class CostsHandlers {
  constructor(private readonly costs: CostsService) {}

  @Serve(costsSummary)
  summary(): Promise<ReplyOf<typeof costsSummary>> {
    return this.costs.summary();
  }

  @Serve(costsHistory)
  history(request: RequestOf<typeof costsHistory>): Promise<ReplyOf<typeof costsHistory>> {
    return this.costs.history(request);
  }
}
