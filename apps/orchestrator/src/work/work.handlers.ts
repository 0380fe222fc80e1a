import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import { type ReplyOf, type RequestOf, workClaim, workFinish, workHeartbeat } from '@purser/contracts';
import { ClaimService } from './claim.service.js';
import { WorkService } from './work.service.js';

@Controller()
export class WorkHandlers {
  constructor(
    private readonly claims: ClaimService,
    private readonly work: WorkService,
  ) {}

  @Serve(workClaim)
  claim(request: RequestOf<typeof workClaim>): Promise<ReplyOf<typeof workClaim>> {
    return this.claims.claim(request);
  }

  @Serve(workHeartbeat)
  heartbeat(request: RequestOf<typeof workHeartbeat>): Promise<ReplyOf<typeof workHeartbeat>> {
    return this.work.heartbeat(request);
  }

  @Serve(workFinish)
  finish(request: RequestOf<typeof workFinish>): Promise<ReplyOf<typeof workFinish>> {
    return this.work.finish(request);
  }
}
