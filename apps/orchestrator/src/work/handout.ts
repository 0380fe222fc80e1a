import { Injectable } from '@nestjs/common';
import type { Assignment } from '@purser/contracts';
import type { Sql } from '@purser/database';
import { LabelLanes } from '../labels/label-lanes.js';
import { TaskFacts } from '../tasks/task-facts.js';
import { ClaimGate } from './claim-gate.js';
import { type ClaimRequest, ClaimsRepository, OPEN } from './claims.repository.js';

/** Beyond what it takes, a claim sets aside so many at a time, and leaves the rest of them to the next claim. */
const AT_ONCE = 500;
const MOST_LOOKS = 20;

/** The request was answered meanwhile, by a copy of it. */
export class Answered extends Error {}

/** What one claim does within its transaction. */
@Injectable()
export class Handout {
  constructor(
    private readonly work: ClaimsRepository,
    private readonly lanes: LabelLanes,
    private readonly gate: ClaimGate,
    private readonly facts: TaskFacts,
  ) {}

  /** @throws Answered, and then the transaction must not be committed */
  async start(tx: Sql, asked: ClaimRequest): Promise<Assignment[]> {
    const fresh = await this.claimNew(tx, asked);
    const sessions = fresh.map(({ sessionId }) => sessionId);
    const told = fresh.map((assignment) => this.facts.started(assignment, asked.runner));
    if (!(await this.work.seal(tx, asked, sessions, told))) throw new Answered();
    return fresh;
  }

  /** As long as all that is seen turns out not to be for now, and is set aside, what stands behind it is looked at. */
  private async claimNew(tx: Sql, asked: ClaimRequest): Promise<Assignment[]> {
    const { executors, slots } = asked;
    for (let look = 1, most = slots; ; look++, most = AT_ONCE) {
      const limited = this.gate.limitedWait ? await this.lanes.sources(tx, executors, slots) : [];
      const open = executors.map((executor) => ({ executor, lane: OPEN, most }));
      const { assignments, setAside } = await this.work.claim(tx, asked, [...limited, ...open]);
      if (setAside > 0) this.gate.limitedWait = true;
      if (limited.length > 0) await this.lanes.began(tx, assignments, limited);
      if (assignments.length > 0 || setAside === 0 || look === MOST_LOOKS) return assignments;
    }
  }
}
