import { Inject, Injectable } from '@nestjs/common';
import type { Assignment, ReplyOf, RequestOf, workClaim } from '@purser/contracts';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { TaskFacts } from '../tasks/task-facts.js';
import { TaskMetrics } from '../tasks/task-metrics.js';
import { ClaimGate } from './claim-gate.js';
import { Answered, type ClaimRequest, ClaimsRepository } from './claims.repository.js';
import { Handout } from './handout.js';

/** Hands sessions to runners. */
@Injectable()
export class ClaimService {
  constructor(
    private readonly work: ClaimsRepository,
    private readonly handout: Handout,
    private readonly facts: TaskFacts,
    private readonly metrics: TaskMetrics,
    private readonly gate: ClaimGate,
    @Inject(CONFIG) private readonly config: Pick<Config, 'PURSER_LEASE_MS'>,
  ) {}

  async claim(request: RequestOf<typeof workClaim>): Promise<ReplyOf<typeof workClaim>> {
    const leaseMs = this.config.PURSER_LEASE_MS;
    const asked = { ...request, leaseMs };
    if (!(await this.gate.mayGive(asked))) return { leaseMs, assignments: [] };
    return { leaseMs, assignments: await this.give(asked) };
  }

  private async give(asked: ClaimRequest): Promise<Assignment[]> {
    const news = this.gate.latestNews;
    try {
      const fresh = await this.handout.start(asked);
      if (fresh.length < asked.slots) this.gate.cameShort(asked, news);
      if (fresh.length > 0) {
        this.gate.gave(asked);
        this.facts.send();
        this.metrics.sessionsStarted(fresh.length);
      }
      return fresh;
    } catch (error) {
      if (!(error instanceof Answered)) throw error;
      return this.work.claimedBefore(asked);
    }
  }
}
