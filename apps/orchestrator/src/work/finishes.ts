import { Injectable } from '@nestjs/common';
import { PurserError, type ReplyOf, type RequestOf, type workFinish } from '@purser/contracts';
import { Database, type Sql, violatedConstraint } from '@purser/database';
import { Together } from '../tasks/together.js';
import type { Ending } from './lifecycle.js';
import { SessionEnds } from './session-ends.js';
import { type AnsweredFinish, type HeldSession, WorkRepository } from './work.repository.js';

export type Finish = RequestOf<typeof workFinish>;
type Answer = ReplyOf<typeof workFinish>;
type Verdict = Answer | PurserError | { held: HeldSession };

const FINISHED_ONCE = 'sessions_finish_request_id_key';
const MOST_AT_ONCE = 256;
const MOST_BYTES_AT_ONCE = 16 * 1024 * 1024;
/** Far more than ever wait, unless Postgres stands still: runners then ask again. */
const MOST_WAITING = 10_000;

/** Ends the sessions that their runners finish. Those that arrive while others are written share the next transaction. */
@Injectable()
export class Finishes {
  private readonly together = new Together<{ finish: Finish; bytes: number }, Answer | PurserError>(
    (finishes) => this.finishAll(finishes.map(({ finish }) => finish)),
    {
      mostItems: MOST_AT_ONCE,
      mostBytes: MOST_BYTES_AT_ONCE,
      bytesOf: ({ bytes }) => bytes,
      mostWaiting: MOST_WAITING,
    },
  );

  constructor(
    private readonly database: Database,
    private readonly work: WorkRepository,
    private readonly ends: SessionEnds,
  ) {}

  /** `bytes`: of its result. */
  async finish(finish: Finish, bytes: number): Promise<Answer> {
    const answer = await this.together.add({ finish, bytes });
    if (answer instanceof PurserError) throw answer;
    return answer;
  }

  /** Of several about one task, or under one id, the later ones must see what became of the first. */
  private async finishAll(finishes: Finish[]): Promise<(Answer | PurserError)[]> {
    const answers = new Map<Finish, Answer | PurserError>();
    for (let left = finishes; left.length > 0; left = left.filter((finish) => !answers.has(finish))) {
      const firsts = distinct(left);
      const given = await this.finishDistinct(firsts);
      firsts.forEach((finish, index) => answers.set(finish, given[index]!));
    }
    return finishes.map((finish) => answers.get(finish)!);
  }

  private async finishDistinct(finishes: Finish[]): Promise<(Answer | PurserError)[]> {
    const easy = await this.finishUnchanged(finishes);
    const left = finishes.filter((finish) => !easy.has(finish));
    const others = left.length === 0 ? [] : await this.finishLocked(left);
    const answers = new Map([...easy, ...left.map((finish, index) => [finish, others[index]!] as const)]);
    return finishes.map((finish) => answers.get(finish)!);
  }

  /**
   * Two statements and no transaction, which is nearly always enough: a session is read, and ended if nothing has changed
   * it since. A task that is submitted at this very moment to wait for it may go unseen here, and is found by the sweep.
   */
  private async finishUnchanged(finishes: Finish[]): Promise<Map<Finish, Answer>> {
    const asked = new Map(finishes.map((finish) => [finish.taskId, finish]));
    const endings = (await this.work.read(finishes)).map((held) => {
      const finish = asked.get(held.taskId)!;
      const { requestId, checkpoint, progress } = finish;
      return { held, ending: endingOf(finish), by: { requestId, checkpoint, progress } };
    });
    const ended = await this.ends.end(this.database, endings).catch((error: unknown) => {
      // One of the ids finished another session before: which one is seen under locks.
      if (violatedConstraint(error) === FINISHED_ONCE) return [];
      throw error;
    });
    await this.ends.announce(ended);
    return new Map(ended.map(({ taskId, state }) => [asked.get(taskId)!, { state }]));
  }

  private async finishLocked(finishes: Finish[]): Promise<(Answer | PurserError)[]> {
    const { verdicts, ended } = await this.database.transaction(async (tx) => {
      const verdicts = await this.judge(tx, finishes);
      const endings = verdicts.flatMap((verdict, index) => {
        const finish = finishes[index]!;
        const { requestId, checkpoint, progress } = finish;
        if (!('held' in verdict)) return [];
        return [{ held: verdict.held, ending: endingOf(finish), by: { requestId, checkpoint, progress } }];
      });
      return { verdicts, ended: await this.ends.end(tx, endings) };
    });
    const states = new Map(ended.map(({ taskId, state }) => [taskId, state]));
    await this.ends.announce(ended);
    return verdicts.map((verdict) => ('held' in verdict ? { state: states.get(verdict.held.taskId)! } : verdict));
  }

  private async judge(tx: Sql, finishes: Finish[]): Promise<Verdict[]> {
    // The locks first: of two copies of one request the second must see what the first one did.
    const held = new Map((await this.work.hold(tx, finishes)).map((one) => [one.taskId, one]));
    const before = await this.answersBefore(tx, finishes);
    return finishes.map((finish) => {
      const earlier = before.get(finish.requestId);
      if (earlier) return again(finish, earlier);
      const session = held.get(finish.taskId);
      return session ? { held: session } : notTheOwner(finish);
    });
  }

  private async answersBefore(tx: Sql, finishes: Finish[]): Promise<Map<string, AnsweredFinish>> {
    const ids = finishes.map(({ requestId }) => requestId);
    return new Map((await this.work.finishedBefore(tx, ids)).map((one) => [one.requestId, one]));
  }
}

function distinct(finishes: Finish[]): Finish[] {
  const tasks = new Set<string>();
  const requests = new Set<string>();
  return finishes.filter(({ taskId, requestId }) => {
    if (tasks.has(taskId) || requests.has(requestId)) return false;
    tasks.add(taskId);
    requests.add(requestId);
    return true;
  });
}

function again({ requestId, taskId, epoch }: Finish, before: AnsweredFinish): Answer | PurserError {
  if (before.taskId === taskId && before.epoch === epoch) return { state: before.stateAfter };
  return new PurserError('conflict', {
    message: `requestId "${requestId}" already finished another session (task "${before.taskId}", epoch ${before.epoch})`,
    details: { requestId },
  });
}

const notTheOwner = ({ taskId, epoch, runner }: Finish): PurserError =>
  new PurserError('stale_epoch', {
    message: `task "${taskId}": epoch ${epoch} of runner "${runner}" is not the session that owns it now`,
    details: { taskId, epoch },
  });

const endingOf = ({ outcome, measures }: Finish): Ending => ({ ...outcome, spent: (measures?.tokens ?? 0) > 0 });
