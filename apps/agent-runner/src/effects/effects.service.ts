import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { isPurserError, PurserError, type ReplyOf, type sessionsEffects } from '@purser/contracts';
import { Clock } from '@purser/service';
import { persist } from '../sessions/persistence.js';
import type { Session } from '../sessions/session.js';
import { EFFECTS_PER_TASK, EffectsRepository, type StoredEffect } from './effects.repository.js';

export const RESULT_LIMIT_BYTES = 16 * 1024;
const WRITE_MS = 8_000;

/** What a caller who wants to do something is told. */
export type Begun =
  /** Do it: the intent is written down. */
  | { state: 'begun' }
  /** It was done already; here is what came of it. */
  | { state: 'done'; result: unknown }
  /** Somebody was about to do it and nobody wrote down what came of it. */
  | { state: 'unknown'; epoch: number; sessionId: string; begunAt: string };

/** The journal of what a task's sessions do outside: what was finished once is not done again after a crash. */
@Injectable()
export class EffectsService {
  constructor(
    private readonly effects: EffectsRepository,
    private readonly clock: Clock,
  ) {}

  /** `attempt`: the same again is the same try, for a caller who did not get the answer. */
  async begin(session: Session, key: string, attempt: string = randomUUID()): Promise<Begun> {
    const { writer } = session;
    const at = this.clock.now();
    return this.write(session, async () => {
      if (await this.effects.begin(writer, { key, attempt, at })) return { state: 'begun' };
      const found = await this.effects.find(writer.taskId, key);
      if (!found) throw tooMany(writer.taskId);
      if (found.result !== null) return { state: 'done', result: parsed(found) };
      if (found.attempt === attempt && found.epoch === writer.epoch) return { state: 'begun' };
      const { epoch, sessionId, begunAt } = found;
      return { state: 'unknown', epoch, sessionId, begunAt: begunAt.toISOString() };
    });
  }

  /** Writes down what came of it. The same again is no error; another result is. */
  async finish(session: Session, key: string, value: unknown): Promise<void> {
    const result = JSON.stringify(value ?? null);
    const bytes = Buffer.byteLength(result);
    if (bytes > RESULT_LIMIT_BYTES) {
      throw new PurserError('payload_too_large', {
        message: `the result of an effect has ${bytes} bytes as JSON, more than ${RESULT_LIMIT_BYTES}; keep it in the workspace and name the file`,
        details: { limit: RESULT_LIMIT_BYTES, bytes },
      });
    }
    const at = this.clock.now();
    await this.write(session, async () => {
      if (await this.effects.finish(session.writer, { key, result, at })) return;
      const found = await this.effects.find(session.writer.taskId, key);
      if (!found) throw neverBegun(key);
      if (found.result !== result) throw alreadyDone(key);
    });
  }

  /** It is known that nothing was done: the next one who begins it may do it. */
  async withdraw(session: Session, key: string): Promise<void> {
    await this.write(session, async () => {
      if (await this.effects.remove(session.writer, key, false)) return;
      if (await this.effects.find(session.writer.taskId, key)) throw alreadyDone(key);
    });
  }

  /** Makes room: what is finished and will not be asked for again, such as what a saved checkpoint is beyond. */
  async forget(session: Session, key: string): Promise<void> {
    await this.write(session, async () => {
      if (await this.effects.remove(session.writer, key, true)) return;
      if (!(await this.effects.find(session.writer.taskId, key))) return;
      throw new PurserError('conflict', {
        message: `the effect "${key}" has no result yet: finish it, or withdraw it when nothing was done`,
        details: { key },
      });
    });
  }

  async list(taskId: string, after: number, limit: number): Promise<ReplyOf<typeof sessionsEffects>> {
    const found = await this.effects.list(taskId, after, limit);
    const effects = found.map((effect) => ({
      number: effect.number,
      key: effect.key,
      state: effect.result === null ? ('open' as const) : ('done' as const),
      epoch: effect.epoch,
      sessionId: effect.sessionId,
      begunAt: effect.begunAt.toISOString(),
      endedAt: effect.endedAt?.toISOString() ?? null,
      result: parsed(effect),
    }));
    return { effects, next: found.at(-1)?.number ?? after };
  }

  private async write<T>(session: Session, statement: () => Promise<T>): Promise<T> {
    const deadline = this.clock.monotonic() + WRITE_MS;
    const attempt = () => {
      session.assertMayWrite();
      return statement();
    };
    try {
      return await persist(attempt, { mayGoOn: () => this.clock.monotonic() < deadline });
    } catch (error) {
      if (isPurserError(error) && error.code === 'stale_epoch') session.refused();
      throw error;
    }
  }
}

const parsed = ({ result }: StoredEffect): unknown => (result === null ? null : (JSON.parse(result) as unknown));

const neverBegun = (key: string): PurserError =>
  new PurserError('not_found', { message: `the effect "${key}" was never begun: begin it before it is done` });

const alreadyDone = (key: string): PurserError =>
  new PurserError('conflict', {
    message: `the effect "${key}" has a result already, and keeps it`,
    details: { key },
  });

const tooMany = (taskId: string): PurserError =>
  new PurserError('conflict', {
    message: `task ${taskId} has ${EFFECTS_PER_TASK} effects, the most there may be; forget those that a checkpoint is beyond`,
    details: { limit: EFFECTS_PER_TASK },
  });
