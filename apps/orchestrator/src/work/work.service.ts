import { Inject, Injectable } from '@nestjs/common';
import { PurserError, type ReplyOf, type RequestOf, type workFinish, type workHeartbeat } from '@purser/contracts';
import { Database } from '@purser/database';
import { AdmissionRepository } from '../admission/admission.repository.js';
import { CONFIG } from '@purser/service';
import type { Config } from '../config.js';
import { type Finish, Finishes } from './finishes.js';
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
    private readonly finishes: Finishes,
    @Inject(CONFIG) private readonly config: Pick<Config, 'PURSER_LEASE_MS'>,
    private readonly admission: AdmissionRepository,
  ) {}

  async heartbeat({ runner, sessions }: RequestOf<typeof workHeartbeat>): Promise<ReplyOf<typeof workHeartbeat>> {
    const leaseMs = this.config.PURSER_LEASE_MS;
    if (sessions.length === 0) return { leaseMs, sessions: [] };
    const held = await this.database.transaction(async (tx) => {
      const extended = await this.work.heartbeat(tx, runner, sessions, leaseMs);
      const byTask = new Map(extended.map((one) => [one.taskId, one]));
      const told = sessions.flatMap((heard) => {
        const one = byTask.get(heard.taskId);
        if (one?.epoch !== heard.epoch) return [];
        const { taskId, epoch, tellProgress, newCheckpoint } = one;
        return [
          ...(tellProgress ? [this.facts.progressed(taskId, epoch, tellProgress)] : []),
          ...(newCheckpoint && heard.checkpoint ? [this.facts.checkpointed(heard, heard.checkpoint)] : []),
        ];
      });
      await this.facts.tell(tx, told);
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

  async finish(request: Finish): Promise<ReplyOf<typeof workFinish>> {
    const { outcome } = request;
    if (outcome.kind === 'continue' && outcome.waitsFor === 'budget')
      await this.admission.foundNoMoney(request.taskId, request.epoch);
    return this.finishes.finish(request, outcome.kind === 'completed' ? sizeOf(outcome.result) : 0);
  }
}

const verdictOn = ({ mustEnd, mustPause }: Extended) => (mustEnd ? 'cancel' : mustPause ? 'pause' : 'extended');

/** @throws PurserError `payload_too_large` */
function sizeOf(result: unknown): number {
  const bytes = Buffer.byteLength(JSON.stringify(result ?? null));
  if (bytes <= MAX_RESULT_BYTES) return bytes;
  throw new PurserError('payload_too_large', {
    message: `outcome.result: ${bytes} bytes are more than the ${MAX_RESULT_BYTES} a result may have; name a file or a URL instead`,
    details: { field: 'outcome.result', limitBytes: MAX_RESULT_BYTES },
  });
}
