import { Inject, Injectable } from '@nestjs/common';
import type { Assignment, ReplyOf, RequestOf, workClaim } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { TaskFacts } from '../tasks/task-facts.js';
import { TaskMetrics } from '../tasks/task-metrics.js';
import { ClaimGate } from './claim-gate.js';
import { type ClaimRequest, ClaimsRepository, OPEN } from './claims.repository.js';

/** Beyond what it takes, a claim sets aside so many at a time, and leaves the rest of them to the next claim. */
const AT_ONCE = 500;
const MOST_LOOKS = 20;

/** The request was answered meanwhile, by a copy of it. */
class Answered extends Error {}

/** Hands sessions to runners. */
@Injectable()
export class ClaimService {
  constructor(
    private readonly database: Database,
    private readonly work: ClaimsRepository,
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
      const fresh = await this.database.transaction((tx) => this.start(tx, asked));
      if (fresh.length < asked.slots) this.gate.cameShort(asked, news);
      if (fresh.length > 0) {
        this.facts.send();
        this.metrics.sessionsStarted(fresh.length);
      }
      return fresh;
    } catch (error) {
      if (!(error instanceof Answered)) throw error;
      return this.work.claimedBefore(asked);
    }
  }

  private async start(tx: Sql, asked: ClaimRequest): Promise<Assignment[]> {
    const fresh = await this.claimNew(tx, asked);
    const sessions = fresh.map(({ sessionId }) => sessionId);
    const told = fresh.map((assignment) => this.facts.started(assignment, asked.runner));
    if (!(await this.work.seal(tx, asked, sessions, told))) throw new Answered();
    return fresh;
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
