import { Controller } from '@nestjs/common';
import { Hear, Serve } from '@purser/bus';
import { type ReplyOf, type RequestOf, workAvailable, workClaim, workFinish, workHeartbeat } from '@purser/contracts';
import { MeasuresRepository } from '../worth/measures.repository.js';
import { ClaimGate } from './claim-gate.js';
import { RecordKeeper } from '../worth/record-keeper.service.js';
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
    private readonly measures: MeasuresRepository,
    private readonly gate: ClaimGate,
    private readonly records: RecordKeeper,
    private readonly signals: SignalsService,
  ) {}

  @Serve(workClaim)
  claim(request: RequestOf<typeof workClaim>): Promise<ReplyOf<typeof workClaim>> {
    this.runners.heard(request.runner, request.executors);
    return this.claims.claim(request);
  }

  @Hear(workAvailable)
  available(): Promise<void> {
    this.gate.heard();
    return Promise.resolve();
  }

  @Serve(workHeartbeat)
  async heartbeat(request: RequestOf<typeof workHeartbeat>): Promise<ReplyOf<typeof workHeartbeat>> {
    this.runners.heard(request.runner);
    return this.signals.answer(request, await this.work.heartbeat(request));
  }

  @Serve(workFinish)
  async finish(request: RequestOf<typeof workFinish>): Promise<ReplyOf<typeof workFinish>> {
    const answer = await this.work.finish(request);
    this.records.expect();
    await this.signals.finished(request);
    // After it, since a refused session's do not count. When this fails the runner asks again, and the answer is the same.
    const { measures } = request;
    if (measures) await this.measures.keep(request.taskId, request.epoch, measures);
    return answer;
  }
}
