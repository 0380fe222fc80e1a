import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Database } from '@purser/database';
import { HeartbeatPublisher, Metrics } from '@purser/service';
import { NANO_PER_USD, type Nano } from '@purser/money';
import { AnnouncementsRepository } from './announcements.repository.js';
import { BudgetsRepository } from './budgets/budgets.repository.js';
import { Clock } from '@purser/service';
import { LatchStores } from './emergency/latch-stores.js';

const dollars = (nano: Nano): number => Number(nano) / Number(NANO_PER_USD);

/** What this service says of itself: the latch and the revision in its heartbeats, the budgets in its metrics. */
@Injectable()
export class Announcements implements OnModuleInit {
  constructor(
    private readonly database: Database,
    private readonly repository: AnnouncementsRepository,
    private readonly budgets: BudgetsRepository,
    private readonly latch: LatchStores,
    private readonly heartbeats: HeartbeatPublisher,
    private readonly metrics: Metrics,
    private readonly clock: Clock,
  ) {}

  onModuleInit(): void {
    this.heartbeats.carry(async () => {
      const { latch, revisions } = await this.latch.confirmedBy(this.repository.read(this.database));
      const { revision: budgetsRevision, ...others } = revisions;
      return { latch, budgetsRevision, ...others };
    });
    this.gauge('purser_budget_spent_usd', 'Dollars settled in the current window', (row) => row.settled_nano);
    this.gauge(
      'purser_budget_leased_usd',
      'Dollars set aside for gateways in the current window',
      (row) => row.leased_nano,
    );
    this.gauge('purser_budget_limit_usd', 'The limit of the budget', (row) => row.limit_nano);
    this.gauge('purser_budget_reserved_usd', 'The part of it for important calls', (row) => row.reserved_nano);
  }

  /** Budgets of single tasks are left out: there is no end to them. */
  private gauge(
    name: string,
    help: string,
    value: (row: { settled_nano: Nano; leased_nano: Nano; limit_nano: Nano; reserved_nano: Nano }) => Nano,
  ): void {
    this.metrics.gauge(name, help, ['budget'], async (gauge) => {
      const rows = await this.budgets.statuses(this.database, this.clock.now(), { only: 'general' });
      gauge.reset();
      for (const row of rows) gauge.set({ budget: row.id }, dollars(value(row)));
    });
  }
}
