import { Controller } from '@nestjs/common';
import { Hear } from '@purser/bus';
import { type FactData, taskSignalled, workAvailable } from '@purser/contracts';
import { Sessions } from '../sessions/sessions.service.js';
import { Claims } from './claims.service.js';
import { Heartbeats } from './heartbeats.service.js';

@Controller()
export class WorkHandlers {
  constructor(
    private readonly claims: Claims,
    private readonly sessions: Sessions,
    private readonly heartbeats: Heartbeats,
  ) {}

  @Hear(workAvailable)
  available({ spreadMs }: FactData<typeof workAvailable>): Promise<void> {
    this.claims.nudge(spreadMs);
    return Promise.resolve();
  }

  /** The signal itself comes with the next heartbeat, which need not be waited for. */
  @Hear(taskSignalled)
  signalled({ taskId }: FactData<typeof taskSignalled>): Promise<void> {
    return this.sessions.isRunning(taskId) ? this.heartbeats.beat() : Promise.resolve();
  }
}
