import { Injectable } from '@nestjs/common';
import {
  type Assignment,
  type ErrorBody,
  type Progress,
  taskCancelled,
  taskCheckpointed,
  taskCompleted,
  taskContinued,
  taskCreated,
  taskFailed,
  taskPaused,
  taskProgressed,
  taskRejected,
  taskResumed,
  taskStarted,
} from '@purser/contracts';
import type { Sql } from '@purser/database';
import { Outbox } from '@purser/service';
import type { Step, TaskError } from '../work/lifecycle.js';
import type { HeardSession, HeldSession } from '../work/work.repository.js';
import type { NewTask } from './submission.js';

const MAX_REJECTED_PAYLOAD = 8 * 1024;
const MAX_RESULT_IN_FACT = 256 * 1024;

/** What the orchestrator tells the world, each within the transaction that made it true. */
@Injectable()
export class TaskFacts {
  constructor(private readonly outbox: Outbox) {}

  created(tx: Sql, { id, spec }: NewTask): Promise<void> {
    const { executor, priority, labels, project } = spec;
    return this.outbox.add(
      tx,
      taskCreated,
      id,
      { taskId: id, executor, priority, labels, project: project ?? null },
      `${id}-created`,
    );
  }

  rejected(tx: Sql, taskId: string, deliveryId: string, error: ErrorBody, raw: string): Promise<void> {
    const data = { taskId, error, payload: raw.slice(0, MAX_REJECTED_PAYLOAD) };
    return this.outbox.add(tx, taskRejected, taskId, data, `rejected-${deliveryId}`);
  }

  started(tx: Sql, { taskId, sessionId, epoch }: Assignment, runner: string): Promise<void> {
    const data = { taskId, sessionId, epoch, runner };
    return this.outbox.add(tx, taskStarted, taskId, data, `${taskId}-${epoch}-started`);
  }

  progressed(tx: Sql, taskId: string, epoch: number, progress: Progress): Promise<void> {
    return this.outbox.add(tx, taskProgressed, taskId, { taskId, epoch, progress });
  }

  async checkpointed(tx: Sql, { taskId, epoch, checkpoint }: HeardSession): Promise<void> {
    if (!checkpoint) return;
    const data = { taskId, epoch, ...checkpoint };
    await this.outbox.add(tx, taskCheckpointed, taskId, data, `${taskId}-${epoch}-checkpoint-${checkpoint.number}`);
  }

  /** What the end of a session means to others; a session that was released or lost changes nothing for them. */
  async ended(tx: Sql, { taskId, sessionId, epoch, runner }: HeldSession, { next, ...step }: Step): Promise<void> {
    if (next.state === 'completed') {
      const data = { taskId, epoch, result: withinFact(next.result) };
      await this.outbox.add(tx, taskCompleted, taskId, data, `${taskId}-completed`);
    } else if (next.state === 'failed') {
      await this.failed(tx, taskId, epoch, next.error);
    } else if (next.state === 'cancelled') {
      await this.cancelled(tx, taskId, epoch);
    } else if (next.state === 'paused') {
      await this.paused(tx, taskId, next.reason);
    } else if (step.sessionOutcome === 'continued') {
      const data = { taskId, sessionId, epoch, runner, reason: step.reason };
      await this.outbox.add(tx, taskContinued, taskId, data, `${taskId}-${epoch}-continued`);
    }
  }

  failed(tx: Sql, taskId: string, epoch: number, error: TaskError): Promise<void> {
    return this.outbox.add(tx, taskFailed, taskId, { taskId, epoch, error }, `${taskId}-failed`);
  }

  cancelled(tx: Sql, taskId: string, epoch: number): Promise<void> {
    return this.outbox.add(tx, taskCancelled, taskId, { taskId, epoch }, `${taskId}-cancelled`);
  }

  paused(tx: Sql, taskId: string, reason: string): Promise<void> {
    return this.outbox.add(tx, taskPaused, taskId, { taskId, reason });
  }

  resumed(tx: Sql, taskId: string, by: string, state: 'ready' | 'blocked'): Promise<void> {
    return this.outbox.add(tx, taskResumed, taskId, { taskId, by, state });
  }

  /** After the commit. Never rejects, and need not be waited for: a sweep sends what is left. */
  send(): void {
    void this.outbox.flush();
  }
}

function withinFact(result: unknown): unknown {
  const bytes = Buffer.byteLength(JSON.stringify(result ?? null));
  return bytes <= MAX_RESULT_IN_FACT ? result : { omitted: `${bytes} bytes; ask tasks.get` };
}
