import { Injectable } from '@nestjs/common';
import { isPurserError, MAX_BATCH, PurserError, type TaskSpec } from '@purser/contracts';
import { Log } from '@purser/service';
import { readBatch, severalIn } from './batch.js';
import { namesMissingTask } from './judge.js';
import { type Rejection, Rejections } from './rejections.service.js';
import { idOfDelivery, namedId, type NewTask, newTask } from './submission.js';
import { TaskStore, type Verdict } from './task-store.service.js';
import { Together } from './together.js';

/** A submit that came without waiting for an answer. */
export type Submission = { deliveryId: string; deliveries: number; raw: string } & (
  { ok: true; payload: TaskSpec } | { ok: false; error: PurserError }
);

export type Taken = Exclude<Verdict, { kind: 'refused' }>;

/** What became of one of several: it is taken, or refused by itself. */
export type Answer = { index: number; id: string | undefined } & ({ taken: Taken } | { error: PurserError });

/** A dependency that is not there yet may be in another orchestrator's hands: three more deliveries, about 3 s. */
const DELIVERIES_BEFORE_A_DEPENDENCY_IS_MISSING = 4;

const LIMITS = {
  mostItems: 500,
  mostBytes: 8 * 1024 * 1024,
  bytesOf: ({ inputBytes }: NewTask) => inputBytes,
  mostWaiting: 2 * MAX_BATCH,
};

/** Takes tasks in. */
@Injectable()
export class Intake {
  private readonly singles: Together<NewTask, Verdict>;
  /** Beside the others, so that those who hand in one do not wait behind thousands. */
  private readonly batches: Together<NewTask, Verdict>;

  constructor(
    store: TaskStore,
    private readonly rejections: Rejections,
    private readonly log: Log,
  ) {
    this.singles = new Together((tasks) => store.store(tasks), LIMITS);
    this.batches = new Together((tasks) => store.store(tasks), LIMITS);
  }

  /** Stores the task, once; resolves with its id after the commit. */
  async create(spec: TaskSpec): Promise<string> {
    const task = newTask(spec);
    await this.take(task);
    return task.id;
  }

  /** As create, with what is stored. */
  async take(task: NewTask): Promise<Taken> {
    const verdict = await this.singles.add(task);
    if (verdict.kind === 'refused') throw verdict.error;
    return verdict;
  }

  /** Each is taken or refused by itself; answers in the order of the items. Passing trouble is an answer, too. */
  async createMany(items: readonly unknown[], idFor?: (index: number) => string): Promise<Answer[]> {
    const { fit, refused } = await readBatch(items, idFor);
    const verdicts = await Promise.allSettled(fit.map(({ task }) => this.batches.add(task)));
    const judged = verdicts.map((settled, place): Answer => {
      const { index = 0, task } = fit[place] ?? {};
      const verdict = settled.status === 'fulfilled' ? settled.value : this.failed(settled.reason);
      return verdict.kind === 'refused'
        ? { index, id: task?.id, error: verdict.error }
        : { index, id: task?.id, taken: verdict };
    });
    return [...refused, ...judged].sort((a, b) => a.index - b.index);
  }

  private failed(reason: unknown): Extract<Verdict, { kind: 'refused' }> {
    if (isPurserError(reason)) return { kind: 'refused', error: reason };
    this.log.error({ error: reason }, 'a task of a batch could not be stored');
    return { kind: 'refused', error: new PurserError('internal', { cause: reason }) };
  }

  /** As create, of one task or several; a refusal becomes a fact. Rejects only for trouble that passes. */
  async submit(submission: Submission): Promise<void> {
    const refused = await this.refusedOf(submission);
    for (const { error } of refused) {
      if (error.retryable) throw error;
      if (namesMissingTask(error) && submission.deliveries < DELIVERIES_BEFORE_A_DEPENDENCY_IS_MISSING)
        throw new PurserError('unavailable', { message: error.message, cause: error });
    }
    await this.rejections.publish(refused);
  }

  private async refusedOf(submission: Submission): Promise<Rejection[]> {
    const { deliveryId, raw } = submission;
    const idOf = (index: number) => idOfDelivery(`${deliveryId}-${index}`);
    const several = submission.ok ? undefined : severalIn(raw);
    try {
      if (several) {
        const answers = await this.createMany(several, idOf);
        return answers.flatMap((one) => {
          if (!('error' in one)) return [];
          const item = several[one.index];
          const text = typeof item === 'string' ? item : JSON.stringify(item);
          return [{ id: one.id, deliveryId: `${deliveryId}-${one.index}`, error: one.error, raw: text }];
        });
      }
      if (!submission.ok) throw submission.error;
      await this.take(newTask(submission.payload, submission.payload.id ?? idOfDelivery(deliveryId)));
      return [];
    } catch (error) {
      if (!isPurserError(error)) throw error;
      const id = submission.ok ? submission.payload.id : namedId(raw);
      return [{ id, deliveryId, error, raw }];
    }
  }
}
