import { Injectable } from '@nestjs/common';
import { Id, type PurserError } from '@purser/contracts';
import { Database } from '@purser/database';
import { idOfDelivery } from './submission.js';
import { TaskFacts } from './task-facts.js';

/** A task that came without waiting for an answer and cannot be taken. */
export interface Rejection {
  /** As the submitter named it. */
  id: string | undefined;
  /** The same whenever it comes, so that it is told once. */
  deliveryId: string;
  error: PurserError;
  /** As it came. */
  raw: string;
}

/** Tells the world which tasks were not taken, since nobody waits for an answer. */
@Injectable()
export class Rejections {
  constructor(
    private readonly database: Database,
    private readonly facts: TaskFacts,
  ) {}

  async publish(rejections: readonly Rejection[]): Promise<void> {
    if (rejections.length === 0) return;
    const told = rejections.map(({ id, deliveryId, error, raw }) => ({
      // A name that cannot be a subject is none.
      taskId: Id.safeParse(id).data ?? idOfDelivery(deliveryId),
      deliveryId,
      error: error.toJSON(),
      raw,
    }));
    await this.facts.rejected(this.database, told);
    this.facts.send();
  }
}
