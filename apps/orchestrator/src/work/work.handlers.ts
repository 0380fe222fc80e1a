import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ReplyOf, type RequestOf, workClaim, workFinish, workHeartbeat } from '@purser/contracts';
import { ClaimService } from './claim.service.js';
import { LiveRunners } from './live-runners.js';
import { WorkService } from './work.service.js';

@Controller()
export class WorkHandlers {
  constructor(
    private readonly claims: ClaimService,
    private readonly work: WorkService,
    private readonly runners: LiveRunners,
  ) {}

  @Serve(workClaim)
  claim(request: RequestOf<typeof workClaim>): Promise<ReplyOf<typeof workClaim>> {
    this.runners.heard(request.runner, request.executors);
    return this.claims.claim(request);
  }

  @Serve(workHeartbeat)
  heartbeat(request: RequestOf<typeof workHeartbeat>): Promise<ReplyOf<typeof workHeartbeat>> {
    this.runners.heard(request.runner);
    return this.work.heartbeat(request);
  }

  @Serve(workFinish)
  finish(request: RequestOf<typeof workFinish>): Promise<ReplyOf<typeof workFinish>> {
    return this.work.finish(request);
  }
}
