import { Injectable } from '@nestjs/common';
import type { Assignment } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { LabelLanes } from '../labels/label-lanes.js';
import { TaskFacts } from '../tasks/task-facts.js';
import { ClaimGate } from './claim-gate.js';
import { Answered, type ClaimRequest, ClaimsRepository, type Mark, OPEN } from './claims.repository.js';

/** Beyond what it takes, a claim sets aside so many at a time, and leaves the rest of them to the next claim. */
const AT_ONCE = 500;
const MOST_LOOKS = 20;

/** Starts the sessions of one claim. */
@Injectable()
export class Handout {
  constructor(
    private readonly database: Database,
    private readonly work: ClaimsRepository,
    private readonly lanes: LabelLanes,
    private readonly gate: ClaimGate,
    private readonly facts: TaskFacts,
  ) {}

  /**
   * One statement is nearly always enough. Who is refused since the request left its mark before tries once more, with
   * another mark: the first try may have found nothing.
   * @throws Answered
   */
  async start(asked: ClaimRequest): Promise<Assignment[]> {
    try {
      if (this.gate.limitedWait) return await this.startLimited(asked, 'first');
      const started = this.facts.startedBy(asked.runner);
      const sources = open(asked, asked.slots);
      const { assignments, setAside } = await this.work.claim(this.database, asked, {
        sources,
        mark: 'first',
        started,
      });
      if (assignments.length > 0 || setAside === 0) return assignments;
      this.gate.limitedWait = true;
    } catch (error) {
      if (!(error instanceof Answered)) throw error;
    }
    return this.startLimited(asked, 'second');
  }

  private startLimited(asked: ClaimRequest, mark: Mark): Promise<Assignment[]> {
    return this.database.transaction((tx) => this.startWithin(tx, asked, mark));
  }

  /** As long as all that is seen turns out not to be for now, and is set aside, what stands behind it is looked at. */
  private async startWithin(tx: Sql, asked: ClaimRequest, first: Mark): Promise<Assignment[]> {
    const { executors, slots, runner } = asked;
    const started = this.facts.startedBy(runner);
    for (let look = 1, most = slots, mark = first; ; look++, most = AT_ONCE, mark = 'left') {
      const limited = this.gate.limitedWait ? await this.lanes.sources(tx, executors, slots) : [];
      const sources = [...limited, ...open(asked, most)];
      const { assignments, setAside } = await this.work.claim(tx, asked, { sources, mark, started });
      if (setAside > 0) this.gate.limitedWait = true;
      if (limited.length > 0) await this.lanes.began(tx, assignments, limited);
      if (assignments.length > 0 || setAside === 0 || look === MOST_LOOKS) return assignments;
    }
  }
}

const open = ({ executors }: ClaimRequest, most: number) =>
  executors.map((executor) => ({ executor, lane: OPEN, most }));
