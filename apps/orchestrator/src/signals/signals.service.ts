import { Injectable } from '@nestjs/common';
import {
  MAX_SIGNALS_WAITING,
  PurserError,
  type ReplyOf,
  type RequestOf,
  type SignalRecord,
  taskSignalled,
  type tasksSignal,
  type tasksSignals,
  type workFinish,
  type workHeartbeat,
} from '@purser/contracts';
import { Database } from '@purser/database';
import { Log, Outbox } from '@purser/service';
import { TasksRepository } from '../tasks/tasks.repository.js';
import { noSuchTask } from '../tasks/tasks.service.js';
import { SignalsRepository } from './signals.repository.js';

type Beat = RequestOf<typeof workHeartbeat>;
type Answer = ReplyOf<typeof workHeartbeat>;

/**
 * Messages to sessions. They travel with heartbeats, so that they need no connection of their own and are fenced as leases
 * are; a session that is lost, or fails, leaves what it received to the next one.
 */
@Injectable()
export class SignalsService {
  constructor(
    private readonly database: Database,
    private readonly signals: SignalsRepository,
    private readonly tasks: TasksRepository,
    private readonly outbox: Outbox,
    private readonly log: Log,
  ) {}

  async send({ id, name, payload, key, by }: RequestOf<typeof tasksSignal>): Promise<SignalRecord> {
    const { sent, fresh } = await this.database.transaction(async (tx) => {
      const task = await this.signals.lockTask(tx, id);
      const before = key === undefined ? undefined : await this.signals.findByKey(tx, id, key);
      if (before) return { sent: before, fresh: false };
      if (!task) throw await this.refusal(id);
      if (task.over) throw over(id, task.state);
      if (task.waiting >= MAX_SIGNALS_WAITING) throw full(id, task.waiting);
      const written = { id, name, payload: JSON.stringify(payload ?? null), key: key ?? null, by };
      const added = await this.signals.add(tx, written);
      const { number } = added;
      await this.outbox.add(tx, taskSignalled, id, { taskId: id, number, name, by }, `${id}-signal-${number}`);
      return { sent: added, fresh: true };
    });
    if (fresh) void this.outbox.flush();
    return sent;
  }

  async list({ id, limit }: RequestOf<typeof tasksSignals>): Promise<ReplyOf<typeof tasksSignals>> {
    const signals = await this.signals.list(id, limit);
    if (signals.length === 0 && !(await this.tasks.find(id))) throw noSuchTask(id);
    return { signals };
  }

  /** Adds to a heartbeat's answer what waits for its sessions. Leases count more: trouble here is for the next heartbeat. */
  async answer({ sessions }: Beat, answer: Answer): Promise<Answer> {
    const owned = new Set(answer.sessions.filter(({ verdict }) => verdict !== 'lost').map(({ taskId }) => taskId));
    const heard = sessions.filter(({ taskId }) => owned.has(taskId));
    if (heard.length === 0) return answer;
    try {
      const waiting = await this.signals.exchange(heard);
      if (waiting.size === 0) return answer;
      return {
        ...answer,
        sessions: answer.sessions.map((one) => {
          const signals = one.verdict === 'lost' ? undefined : waiting.get(one.taskId);
          return signals ? { ...one, signals } : one;
        }),
      };
    } catch (error) {
      this.log.warn({ error }, 'signals could not be read; the next heartbeat tries again');
      return answer;
    }
  }

  /** After the finish was taken. One that failed may have failed by them: the session that tries again gets them too. */
  async finished({ taskId, outcome, signals }: RequestOf<typeof workFinish>): Promise<void> {
    if (signals === undefined || outcome.kind === 'failed') return;
    try {
      await this.signals.take(taskId, signals);
    } catch (error) {
      this.log.warn({ error, taskId }, 'signals are delivered once more: that they were taken could not be noted');
    }
  }

  private async refusal(id: string): Promise<PurserError> {
    const archived = await this.tasks.find(id);
    return archived ? over(id, archived.state) : noSuchTask(id);
  }
}

const over = (id: string, state: string): PurserError =>
  new PurserError('conflict', {
    message: `task "${id}" is ${state}: no session of it will run any more`,
    details: { state },
  });

const full = (id: string, waiting: number): PurserError =>
  new PurserError('conflict', {
    message: `${waiting} signals wait for a session of task "${id}" already; no more are kept`,
    details: { waiting, limit: MAX_SIGNALS_WAITING },
  });
