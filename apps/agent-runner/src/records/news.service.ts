import { Injectable } from '@nestjs/common';
import { checkpointDamaged, taskHandedOff } from '@purser/contracts';
import { Database } from '@purser/database';
import { Outbox } from '@purser/service';
import type { Damage } from './checkpoints.service.js';
import { FENCE, FENCE_HELD, refuseUnlessHeld, type Writer } from './fenced.js';

/** Tells what became of the records of a task; each once. */
@Injectable()
export class RecordNews {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  /** Fenced: an old session has nothing to hand over. */
  async handedOff(writer: Writer, reason: string, by: 'program' | 'purser'): Promise<void> {
    const { taskId, epoch, sessionId } = writer;
    await this.database.transaction(async (tx) => {
      refuseUnlessHeld(await tx.query<{ held: number }>(`WITH ${FENCE} ${FENCE_HELD}`, [taskId, epoch]), writer);
      const link = `/v1/tasks/${taskId}/handoff?epoch=${epoch}`;
      const data = { taskId, sessionId, epoch, reason: reason.slice(0, 1_000), by, link };
      await this.outbox.add(tx, taskHandedOff, taskId, data, `${taskId}-${epoch}-handed-off`);
    });
    void this.outbox.flush();
  }

  async damaged(taskId: string, damages: readonly Damage[]): Promise<void> {
    if (damages.length === 0) return;
    await this.database.transaction(async (tx) => {
      for (const damage of damages) {
        const id = `${taskId}-${damage.epoch}-${damage.number}-damaged`;
        await this.outbox.add(tx, checkpointDamaged, taskId, { taskId, ...damage }, id);
      }
    });
    void this.outbox.flush();
  }
}
