import { Inject, Injectable } from '@nestjs/common';
import type { Assignment, ReplyOf, RequestOf, workClaim } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { CONFIG, Latch } from '@purser/service';
import type { Config } from '../config.js';
import { TaskFacts } from '../tasks/task-facts.js';
import { TaskMetrics } from '../tasks/task-metrics.js';
import { type ClaimRequest, ClaimsRepository, OPEN } from './claims.repository.js';

/** Beyond what it takes, a claim sets aside so many at a time, and leaves the rest of them to the next claim. */
const AT_ONCE = 500;
const MOST_LOOKS = 20;

/** Hands sessions to runners. */
@Injectable()
export class ClaimService {
  constructor(
    private readonly database: Database,
    private readonly work: ClaimsRepository,
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
      const fresh = await this.claimNew(tx, asked);
      await this.facts.tell(
        tx,
        fresh.map((assignment) => this.facts.started(assignment, request.runner)),
      );
      return { assignments: fresh, started: fresh.length };
    });
    if (started > 0) {
      this.facts.send();
      this.metrics.sessionsStarted(started);
    }
    return { leaseMs, assignments };
  }

  /** As long as all that is seen turns out not to be for now, and is set aside, what stands behind it is looked at. */
  private async claimNew(tx: Sql, asked: ClaimRequest): Promise<Assignment[]> {
    for (let look = 1, most = asked.slots; ; look++, most = AT_ONCE) {
      const sources = asked.executors.map((executor) => ({ executor, lane: OPEN, most }));
      const { assignments, setAside } = await this.work.claim(tx, asked, sources);
      if (assignments.length > 0 || setAside === 0 || look === MOST_LOOKS) return assignments;
    }
  }
}
