import { Inject, Injectable } from '@nestjs/common';
import { PurserError, type ReplyOf, type RequestOf, type workFinish, type workHeartbeat } from '@purser/contracts';
import { Database, type Sql } from '@purser/database';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { SessionEnds } from './session-ends.js';
import { type Extended, WorkRepository } from './work.repository.js';
import { TaskFacts } from '../tasks/task-facts.js';

const MAX_RESULT_BYTES = 2 * 1024 * 1024;

/** Keeps the leases of sessions and takes sessions back from their runners. */
@Injectable()
export class WorkService {
  constructor(
    private readonly database: Database,
    private readonly work: WorkRepository,
    private readonly facts: TaskFacts,
    private readonly ends: SessionEnds,
    @Inject(CONFIG) private readonly config: Pick<Config, 'PURSER_LEASE_MS'>,
  ) {}

  async heartbeat({ runner, sessions }: RequestOf<typeof workHeartbeat>): Promise<ReplyOf<typeof workHeartbeat>> {
    const leaseMs = this.config.PURSER_LEASE_MS;
    if (sessions.length === 0) return { leaseMs, sessions: [] };
    const held = await this.database.transaction(async (tx) => {
      const extended = await this.work.heartbeat(tx, runner, sessions, leaseMs);
      const byTask = new Map(extended.map((one) => [one.taskId, one]));
      for (const heard of sessions) {
        const one = byTask.get(heard.taskId);
        if (one?.epoch !== heard.epoch) continue;
        if (one.tellProgress) await this.facts.progressed(tx, one.taskId, one.epoch, one.tellProgress);
        if (one.newCheckpoint) await this.facts.checkpointed(tx, heard);
      }
      return byTask;
    });
    if ([...held.values()].some((one) => one.tellProgress ?? one.newCheckpoint)) this.facts.send();
    return {
      leaseMs,
      sessions: sessions.map(({ taskId, epoch }) => {
        const one = held.get(taskId);
        return { taskId, epoch, verdict: one?.epoch === epoch ? verdictOn(one) : 'lost' };
      }),
    };
  }

  async finish(request: RequestOf<typeof workFinish>): Promise<ReplyOf<typeof workFinish>> {
    const { requestId, taskId, epoch, runner, outcome, checkpoint, progress } = request;
    if (outcome.kind === 'completed') refuseLarge(outcome.result);
    const done = await this.database.transaction(async (tx) => {
      // The lock first: of two copies of one request the second must see what the first one did.
      const held = await this.work.hold(tx, taskId, epoch, runner);
      const before = await this.answeredBefore(tx, request);
      if (before) return before;
      if (!held) {
        throw new PurserError('stale_epoch', {
          message: `task "${taskId}": epoch ${epoch} of runner "${runner}" is not the session that owns it now`,
          details: { taskId, epoch },
        });
      }
      return this.ends.end(tx, held, outcome, { requestId, checkpoint, progress });
    });
    if (typeof done === 'string') return { state: done };
    await this.ends.announce([done]);
    return { state: done.state };
  }

  private async answeredBefore(tx: Sql, { requestId, taskId, epoch }: RequestOf<typeof workFinish>) {
    const before = await this.work.finishedBefore(tx, requestId);
    if (!before) return undefined;
    if (before.task_id === taskId && before.epoch === epoch) return before.state_after;
    throw new PurserError('conflict', {
      message: `requestId "${requestId}" already finished another session (task "${before.task_id}", epoch ${before.epoch})`,
      details: { requestId },
    });
  }
}

const verdictOn = ({ mustEnd, mustPause }: Extended) => (mustEnd ? 'cancel' : mustPause ? 'pause' : 'extended');

function refuseLarge(result: unknown): void {
  const bytes = Buffer.byteLength(JSON.stringify(result ?? null));
  if (bytes <= MAX_RESULT_BYTES) return;
  throw new PurserError('payload_too_large', {
    message: `outcome.result: ${bytes} bytes are more than the ${MAX_RESULT_BYTES} a result may have; name a file or a URL instead`,
    details: { field: 'outcome.result', limitBytes: MAX_RESULT_BYTES },
  });
}
