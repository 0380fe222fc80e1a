import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { ledgerSum, type WorkOutlook, type WorkReport } from '@purser/contracts';
import { formatUsd, parseUsd } from '@purser/money';
import { Latch, Log } from '@purser/service';
import { LiveRunners } from '../work/live-runners.js';
import { OutlookRepository } from './outlook.repository.js';

const SHOWN_TASKS = 500;
/** As many ids as the ledger sums up at once. */
const AT_ONCE = 1_000;

/** What there is to do, and what was done: for those who start and stop Purser by it. */
@Injectable()
export class Outlook {
  constructor(
    private readonly work: OutlookRepository,
    private readonly runners: LiveRunners,
    private readonly bus: Bus,
    private readonly latch: Latch,
    private readonly log: Log,
  ) {}

  async now(): Promise<WorkOutlook> {
    const [{ at, next_at, ...counts }, ready] = await Promise.all([this.work.waiting(), this.work.ready()]);
    const sum = (rows: { count: number }[]) => rows.reduce((total, { count }) => total + count, 0);
    return {
      ...counts,
      at: at.toISOString(),
      ready: sum(ready),
      stuck: sum(ready.filter(({ executor }) => this.runners.lack(executor))),
      nextAt: next_at?.toISOString() ?? null,
      emergency: this.latch.isSet,
    };
  }

  async since(since: string): Promise<WorkReport> {
    const [tasks, sessions] = await Promise.all([
      this.work.workedOn(since, SHOWN_TASKS + 1),
      this.work.sessionsSince(since),
    ]);
    return {
      since,
      tasks: tasks.slice(0, SHOWN_TASKS).map(({ id, ...task }) => ({ taskId: id, ...task })),
      more: tasks.length > SHOWN_TASKS,
      sessions: sessions.length,
      spentUsd: await this.spentBy(sessions),
    };
  }

  private async spentBy(sessions: string[]): Promise<string | null> {
    try {
      let total = 0n;
      for (let at = 0; at < sessions.length; at += AT_ONCE) {
        const { sums } = await this.bus.call(ledgerSum, { by: 'session', ids: sessions.slice(at, at + AT_ONCE) });
        total += sums.reduce((sum, { amountUsd }) => sum + parseUsd(amountUsd), 0n);
      }
      return formatUsd(total);
    } catch (error) {
      this.log.debug({ error }, 'the ledger did not tell what sessions spent');
      return null;
    }
  }
}
