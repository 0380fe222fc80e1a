import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  type CheckpointMark,
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
import type { OutboxEntry, Sql } from '@purser/database';
import { Outbox } from '@purser/service';
import type { Step, TaskError } from '../work/lifecycle.js';
import type { HeardSession, HeldSession } from '../work/work.repository.js';
import type { NewTask } from './submission.js';

const MAX_REJECTED_PAYLOAD = 8 * 1024;
const MAX_RESULT_IN_FACT = 256 * 1024;

/** Of what is not known yet; nothing else in a fact looks like them. */
const STAND_INS = { task: `task-${randomUUID()}`, session: `session-${randomUUID()}`, epoch: 2_147_483_647 };

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

  /** For the statement that starts sessions: its event, as Postgres' format() fills in the task, the session and the epoch. */
  startedBy(runner: string): string {
    const { task, session, epoch } = STAND_INS;
    const data = { taskId: task, sessionId: session, epoch, runner };
    const { event } = this.outbox.entry(taskStarted, task, data, `${task}-${epoch}-started`);
    return event
      .replaceAll('%', '%%')
      .replaceAll(`${task}-${epoch}-`, '%1$s-%3$s-')
      .replaceAll(task, '%1$s')
      .replaceAll(session, '%2$s')
      .replaceAll(`"epoch":${epoch}`, '"epoch":%3$s');
  }

  /** For `tell`. */
  progressed(taskId: string, epoch: number, progress: Progress): OutboxEntry {
    return this.outbox.entry(taskProgressed, taskId, { taskId, epoch, progress });
  }

  /** For `tell`. */
  checkpointed({ taskId, epoch }: HeardSession, checkpoint: CheckpointMark): OutboxEntry {
    const data = { taskId, epoch, ...checkpoint };
    return this.outbox.entry(taskCheckpointed, taskId, data, `${taskId}-${epoch}-checkpoint-${checkpoint.number}`);
  }

  tell(tx: Sql, facts: OutboxEntry[]): Promise<void> {
    return this.outbox.addAll(tx, facts);
  }

  /** What the end of a session means to others; a session that was released or lost changes nothing for them. */
  ended({ taskId, sessionId, epoch, runner }: HeldSession, { next, ...step }: Step): OutboxEntry | undefined {
    if (next.state === 'completed') {
      const data = { taskId, epoch, result: withinFact(next.result) };
      return this.outbox.entry(taskCompleted, taskId, data, `${taskId}-completed`);
    }
    if (next.state === 'failed') return this.failure(taskId, epoch, next.error);
    if (next.state === 'cancelled') return this.cancellation(taskId, epoch);
    if (next.state === 'paused') return this.outbox.entry(taskPaused, taskId, { taskId, reason: next.reason });
    if (step.sessionOutcome !== 'continued') return undefined;
    const data = { taskId, sessionId, epoch, runner, reason: step.reason };
    return this.outbox.entry(taskContinued, taskId, data, `${taskId}-${epoch}-continued`);
  }

  failed(tx: Sql, taskId: string, epoch: number, error: TaskError): Promise<void> {
    return this.tell(tx, [this.failure(taskId, epoch, error)]);
  }

  cancelledAll(tx: Sql, tasks: readonly { id: string; epoch: number }[]): Promise<void> {
    const entries = tasks.map(({ id, epoch }) =>
      this.outbox.entry(taskCancelled, id, { taskId: id, epoch }, `${id}-cancelled`),
    );
    return this.outbox.addAll(tx, entries);
  }

  cancelled(tx: Sql, taskId: string, epoch: number, reason?: string): Promise<void> {
    return this.tell(tx, [this.cancellation(taskId, epoch, reason)]);
  }

  private failure(taskId: string, epoch: number, error: TaskError): OutboxEntry {
    return this.outbox.entry(taskFailed, taskId, { taskId, epoch, error }, `${taskId}-failed`);
  }

  private cancellation(taskId: string, epoch: number, reason?: string): OutboxEntry {
    const data = { taskId, epoch, ...(reason && { reason }) };
    return this.outbox.entry(taskCancelled, taskId, data, `${taskId}-cancelled`);
  }

  paused(tx: Sql, taskId: string, reason: string): Promise<void> {
    return this.outbox.add(tx, taskPaused, taskId, { taskId, reason });
  }

  resumed(tx: Sql, taskId: string, by: string, state: 'ready' | 'blocked'): Promise<void> {
    return this.outbox.add(tx, taskResumed, taskId, { taskId, by, state });
  }

  /** After the commit. Not at once: a task that was handed in is started first, and both facts go together. */
  send(): void {
    this.outbox.flushSoon();
  }
}

function withinFact(result: unknown): unknown {
  const bytes = Buffer.byteLength(JSON.stringify(result ?? null));
  return bytes <= MAX_RESULT_IN_FACT ? result : { omitted: `${bytes} bytes; ask tasks.get` };
}
