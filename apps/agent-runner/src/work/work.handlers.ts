import { Controller } from '@nestjs/common';
import { Hear } from '@purser/bus';
import { workAvailable } from '@purser/contracts';
import { Claims } from './claims.service.js';

@Controller()
export class WorkHandlers {
  constructor(private readonly claims: Claims) {}

  @Hear(workAvailable)
  available(): Promise<void> {
    this.claims.nudge();
    return Promise.resolve();
  }
}
