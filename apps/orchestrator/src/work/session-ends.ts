import { Injectable } from '@nestjs/common';
import type { SessionOutcome, TaskState } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { DependentsService } from '../tasks/dependents.service.js';
import { TaskFacts } from '../tasks/task-facts.js';
import { TaskMetrics } from '../tasks/task-metrics.js';
import { afterSession, type Ending } from './lifecycle.js';
import { Nudge } from './nudge.js';
import { type HeldSession, type LastWords, type SessionEnd, WorkRepository } from './work.repository.js';

const LAPSES_AT_ONCE = 100;
const OVER: readonly TaskState[] = ['completed', 'failed', 'cancelled'];

export interface EndedSession {
  taskId: string;
  epoch: number;
  state: TaskState;
  outcome: SessionOutcome;
  /** Other tasks wait for this one. */
  needed: boolean;
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

  /**
   * Ends sessions that are locked, or that are still as they were read; the others are left out. `announce` after the
   * commit.
   */
  async end(sql: Sql, endings: { held: HeldSession; ending: Ending; by?: LastWords }[]): Promise<EndedSession[]> {
    if (endings.length === 0) return [];
    const ends = endings.map(({ held, ending, by = {} }): SessionEnd => {
      const standing = { ...held, lastDigest: by.checkpoint?.digest ?? held.lastDigest };
      const step = afterSession(standing, ending, Math.random());
      return { held, by, step, told: this.facts.ended(held, step) };
    });
    const ended = new Map((await this.work.end(sql, ends)).map((one) => [one.id, one]));
    return ends.flatMap(({ held: { taskId, epoch }, step }) => {
      const one = ended.get(taskId);
      if (!one) return [];
      return [{ taskId, epoch, state: step.next.state, outcome: step.sessionOutcome, needed: one.needed }];
    });
  }

  /** Takes back the sessions whose leases lapsed; the next claim raises their epochs. */
  async lapse(): Promise<EndedSession[]> {
    const ended = await this.database.transaction(async (tx) => {
      const lapsed = await this.work.holdLapsed(tx, LAPSES_AT_ONCE);
      return this.end(
        tx,
        lapsed.map((held) => ({ held, ending: { kind: 'lost' } })),
      );
    });
    await this.announce(ended);
    return ended;
  }

  async announce(ended: EndedSession[]): Promise<void> {
    if (ended.length === 0) return;
    for (const { outcome } of ended) this.metrics.sessionEnded(outcome);
    this.facts.send();
    if (ended.some(({ state }) => state === 'ready')) this.nudge.workIsReady();
    const over = ended.filter(({ state, needed }) => OVER.includes(state) && needed);
    await this.dependents.settle(over.map(({ taskId }) => taskId));
  }
}
