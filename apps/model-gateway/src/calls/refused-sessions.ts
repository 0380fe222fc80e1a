import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { type PurserError, sessionRefused } from '@purser/contracts';
import { Clock, Log } from '@purser/service';
import type { Caller } from '../keys/caller.js';
import type { BudgetRefusal } from './passed-over.js';

/** A program that asks again and again is told of once in this time. */
const AT_MOST_EVERY_MS = 1_000;
const FLUSH_MS = 500;
const MOST_REMEMBERED = 10_000;

/** Tells runners and orchestrators which sessions have to wait for their budget, before the session's program learns it. */
@Injectable()
export class RefusedSessions {
  private readonly toldAt = new Map<string, number>();

  constructor(
    private readonly bus: Bus,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Never rejects. The server has the fact when this resolves, so that it is ahead of the end of a program that gives up at once. */
  async tell({ task, session, paidOnly }: Caller, error: PurserError): Promise<void> {
    if (task === null || session === null || error.code !== 'budget_exhausted') return;
    const now = this.clock.monotonic();
    if (now - (this.toldAt.get(session) ?? -Infinity) < AT_MOST_EVERY_MS) return;
    if (this.toldAt.size >= MOST_REMEMBERED) this.toldAt.clear();
    this.toldAt.set(session, now);
    const { budgets, resetsAt, needUsd } = error.details as unknown as BudgetRefusal;
    try {
      const refusal = { taskId: task, sessionId: session, paidOnly: paidOnly === true, budgets, resetsAt, needUsd };
      await this.bus.publish(sessionRefused, session, refusal);
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise((resolve) => (timer = setTimeout(resolve, FLUSH_MS)));
      await Promise.race([this.bus.connection.flush(), late]);
      clearTimeout(timer);
    } catch (thrown) {
      this.log.debug({ error: thrown, session }, 'nobody was told that a session has to wait for its budget');
    }
  }
}
