import { Injectable } from '@nestjs/common';
import type { CheckpointMark, Progress, SessionOutcome, TaskState } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { DependentsService } from '../tasks/dependents.service.js';
import { TaskFacts } from '../tasks/task-facts.js';
import { TaskMetrics } from '../tasks/task-metrics.js';
import { afterSession, type Ending } from './lifecycle.js';
import { Nudge } from './nudge.js';
import { type HeldSession, WorkRepository } from './work.repository.js';

const LAPSES_AT_ONCE = 100;
const OVER: readonly TaskState[] = ['completed', 'failed', 'cancelled'];

export interface EndedSession {
  taskId: string;
  epoch: number;
  state: TaskState;
  outcome: SessionOutcome;
}

/** Ends sessions, whether their runner finished them or their lease lapsed, and moves their tasks on. */
@Injectable()
export class SessionEnds {
  constructor(
    private readonly database: Database,
    private readonly work: WorkRepository,
    private readonly facts: TaskFacts,
    private readonly dependents: DependentsService,
    private readonly nudge: Nudge,
    private readonly metrics: TaskMetrics,
  ) {}

  /** Within a transaction that holds the session; `announce` after its commit. */
  async end(
    tx: Sql,
    held: HeldSession,
    ending: Ending,
    by: { requestId?: string; checkpoint?: CheckpointMark | undefined; progress?: Progress | undefined } = {},
  ): Promise<EndedSession> {
    const standing = { ...held, lastDigest: by.checkpoint?.digest ?? held.lastDigest };
    const step = afterSession(standing, ending, Math.random());
    await this.work.end(tx, held, step, by);
    await this.facts.ended(tx, held, step);
    return { taskId: held.taskId, epoch: held.epoch, state: step.next.state, outcome: step.sessionOutcome };
  }

  /** Takes back the sessions whose leases lapsed; the next claim raises their epochs. */
  async lapse(): Promise<EndedSession[]> {
    const ended = await this.database.transaction(async (tx) => {
      const lapsed: EndedSession[] = [];
      for (const held of await this.work.holdLapsed(tx, LAPSES_AT_ONCE))
        lapsed.push(await this.end(tx, held, { kind: 'lost' }));
      return lapsed;
    });
    await this.announce(ended);
    return ended;
  }

  async announce(ended: EndedSession[]): Promise<void> {
    if (ended.length === 0) return;
    for (const { outcome } of ended) this.metrics.sessionEnded(outcome);
    this.facts.send();
    if (ended.some(({ state }) => state === 'ready')) this.nudge.workIsReady();
    await this.dependents.settle(ended.filter(({ state }) => OVER.includes(state)).map(({ taskId }) => taskId));
  }
}
