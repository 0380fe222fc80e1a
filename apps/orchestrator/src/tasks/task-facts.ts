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
  taskProgressed,
  taskRejected,
  taskStarted,
} from '@purser/contracts';
import type { OutboxEntry, Sql } from '@purser/database';
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

  /** For the statement that stores the task. */
  created({ id, spec }: NewTask): OutboxEntry {
    const { executor, priority, labels, project } = spec;
    const data = { taskId: id, executor, priority, labels, project: project ?? null };
    return this.outbox.entry(taskCreated, id, data, `${id}-created`);
  }

  rejected(
    tx: Sql,
    refused: readonly { taskId: string; deliveryId: string; error: ErrorBody; raw: string }[],
  ): Promise<void> {
    const entries = refused.map(({ taskId, deliveryId, error, raw }) => {
      const data = { taskId, error, payload: raw.slice(0, MAX_REJECTED_PAYLOAD) };
      return this.outbox.entry(taskRejected, taskId, data, `rejected-${deliveryId}`);
    });
    return this.outbox.addAll(tx, entries);
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
    } else if (step.sessionOutcome === 'continued') {
      const data = { taskId, sessionId, epoch, runner, reason: step.reason };
      await this.outbox.add(tx, taskContinued, taskId, data, `${taskId}-${epoch}-continued`);
    }
  }

  failed(tx: Sql, taskId: string, epoch: number, error: TaskError): Promise<void> {
    return this.outbox.add(tx, taskFailed, taskId, { taskId, epoch, error }, `${taskId}-failed`);
  }

  cancelledAll(tx: Sql, tasks: readonly { id: string; epoch: number }[]): Promise<void> {
    const entries = tasks.map(({ id, epoch }) =>
      this.outbox.entry(taskCancelled, id, { taskId: id, epoch }, `${id}-cancelled`),
    );
    return this.outbox.addAll(tx, entries);
  }

  cancelled(tx: Sql, taskId: string, epoch: number, reason?: string): Promise<void> {
    return this.outbox.add(
      tx,
      taskCancelled,
      taskId,
      { taskId, epoch, ...(reason && { reason }) },
      `${taskId}-cancelled`,
    );
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
