import { Injectable } from '@nestjs/common';
import { Bus } from '@purser/bus';
import { leasesRecall } from '@purser/contracts';
import { Database } from '@purser/database';
import { Clock, Log } from '@purser/service';
import { BudgetsRepository } from '../budgets/budgets.repository.js';
import type { Touched } from '../windows/window-changes.js';

const QUIET_MS = 50;
const MAX_REMEMBERED = 10_000;

/** Asks gateways to return what they do not use. */
@Injectable()
export class RecallService {
  private readonly recalledAt = new Map<string, number>();

  constructor(
    private readonly bus: Bus,
    private readonly database: Database,
    private readonly budgets: BudgetsRepository,
    private readonly clock: Clock,
    private readonly log: Log,
  ) {}

  /** Because a gateway cannot be served; many that ask at once cause one recall. */
  async whenHeld(windowIds: readonly string[], exceptGateway: string | undefined): Promise<void> {
    const now = this.clock.monotonic();
    const due = windowIds.filter((id) => now - (this.recalledAt.get(id) ?? -Infinity) >= QUIET_MS);
    if (due.length === 0) return;
    if (this.recalledAt.size > MAX_REMEMBERED) this.recalledAt.clear();
    for (const id of due) this.recalledAt.set(id, now);
    await this.broadcast(due, exceptGateway);
  }

  /**
   * Because definitions changed, those of tasks only where gateways may hold money under the older one. A gateway that
   * misses it sees the revision in the next heartbeat.
   */
  async afterChange({ general, windows, recalled }: Touched): Promise<void> {
    const windowIds = new Set([...recalled, ...(general ? windows : [])]);
    // An empty list would mean all windows.
    if (windowIds.size > 0) await this.broadcast([...windowIds].map(String));
  }

  /** Because leases of a lost gateway were released: should it be alive after all, it is not to use them from now on. */
  async afterRelease(windowIds: readonly bigint[]): Promise<void> {
    await this.broadcast(windowIds.map(String));
  }

  /** Never rejects. */
  private async broadcast(windowIds: readonly string[], exceptGateway?: string): Promise<void> {
    try {
      const revisions = await this.budgets.revisions(this.database);
      const data = {
        windowIds: [...windowIds],
        ...revisions,
        ...(exceptGateway === undefined ? {} : { exceptGateway }),
      };
      if (this.bus.connected) await this.bus.publish(leasesRecall, undefined, data);
    } catch (error) {
      this.log.warn({ error, windowIds }, 'a recall of leases was not sent');
    }
  }
}
