import { Controller } from '@nestjs/common';
import { Hear } from '@purser/bus';
import { type FactData, heartbeat, type Heartbeat, leasesRecall, type ServiceName } from '@purser/contracts';
import { BudgetBook } from './budget-book.js';
import { LeaseClient } from './lease-client.js';
import { LeaseDesk } from './lease-desk.js';

@Controller()
export class LeasesHandlers {
  constructor(
    private readonly leases: LeaseClient,
    private readonly budgets: BudgetBook,
    private readonly desk: LeaseDesk,
  ) {}

  @Hear(leasesRecall)
  async recall({
    windowIds,
    exceptGateway,
    leaseReleases,
    ...revisions
  }: FactData<typeof leasesRecall>): Promise<void> {
    this.leases.hearReleases(leaseReleases);
    this.budgets.announce(revisions);
    if (exceptGateway !== this.desk.gateway) await this.leases.recall(windowIds);
  }

  @Hear(heartbeat, { under: 'cost-watchdog' satisfies ServiceName })
  hearHeartbeat({ service, budgetsRevision: revision, taskBudgetsRevision, leaseReleases }: Heartbeat): Promise<void> {
    if (service !== 'cost-watchdog') return Promise.resolve();
    this.leases.hearReleases(leaseReleases);
    this.budgets.announce({ revision, taskBudgetsRevision });
    return Promise.resolve();
  }
}
