import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ReplyOf, type RequestOf, workClaim, workFinish, workHeartbeat } from '@purser/contracts';
import { SignalsService } from '../signals/signals.service.js';
import { ClaimService } from './claim.service.js';
import { LiveRunners } from './live-runners.js';
import { WorkService } from './work.service.js';

@Controller()
export class WorkHandlers {
  constructor(
    private readonly claims: ClaimService,
    private readonly work: WorkService,
    private readonly runners: LiveRunners,
    private readonly signals: SignalsService,
  ) {}

  @Serve(workClaim)
  claim(request: RequestOf<typeof workClaim>): Promise<ReplyOf<typeof workClaim>> {
    this.runners.heard(request.runner, request.executors);
    return this.claims.claim(request);
  }

  @Serve(workHeartbeat)
  async heartbeat(request: RequestOf<typeof workHeartbeat>): Promise<ReplyOf<typeof workHeartbeat>> {
    this.runners.heard(request.runner);
    return this.signals.answer(request, await this.work.heartbeat(request));
  }

  @Serve(workFinish)
  async finish(request: RequestOf<typeof workFinish>): Promise<ReplyOf<typeof workFinish>> {
    const reply = await this.work.finish(request);
    await this.signals.finished(request);
    return reply;
  }
}
