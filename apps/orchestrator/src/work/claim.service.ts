import { Inject, Injectable } from '@nestjs/common';
import type { ReplyOf, RequestOf, workClaim } from '@purser/contracts';
import { Database } from '@purser/database';
import { CONFIG, Latch } from '@purser/service';
import type { Config } from '../config.js';
import { TaskFacts } from '../tasks/task-facts.js';
import { TaskMetrics } from '../tasks/task-metrics.js';
import { WorkRepository } from './work.repository.js';

/** Hands sessions to runners. */
@Injectable()
export class ClaimService {
  constructor(
    private readonly database: Database,
    private readonly work: WorkRepository,
    private readonly facts: TaskFacts,
    private readonly metrics: TaskMetrics,
    private readonly latch: Latch,
    @Inject(CONFIG) private readonly config: Pick<Config, 'PURSER_LEASE_MS'>,
  ) {}

  async claim(request: RequestOf<typeof workClaim>): Promise<ReplyOf<typeof workClaim>> {
    const leaseMs = this.config.PURSER_LEASE_MS;
    if (this.latch.isSet) return { leaseMs, assignments: [] };
    const asked = { ...request, leaseMs };
    if (!(await this.work.mayGive(asked))) return { leaseMs, assignments: [] };
    const { assignments, started } = await this.database.transaction(async (tx) => {
      const before = await this.work.claimedBefore(tx, asked);
      if (before) return { assignments: before, started: 0 };
      const fresh = await this.work.claim(tx, asked);
      for (const assignment of fresh) await this.facts.started(tx, assignment, request.runner);
      return { assignments: fresh, started: fresh.length };
    });
    if (started > 0) {
      this.facts.send();
      this.metrics.sessionsStarted(started);
    }
    return { leaseMs, assignments };
  }
}
