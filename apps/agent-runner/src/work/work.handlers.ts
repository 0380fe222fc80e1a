import { Controller } from '@nestjs/common';
import { Hear } from '@purser/bus';
import { type FactData, workAvailable } from '@purser/contracts';
import { Claims } from './claims.service.js';

@Controller()
export class WorkHandlers {
  constructor(private readonly claims: Claims) {}

  @Hear(workAvailable)
  available({ spreadMs }: FactData<typeof workAvailable>): Promise<void> {
    this.claims.nudge(spreadMs);
    return Promise.resolve();
  }
}
