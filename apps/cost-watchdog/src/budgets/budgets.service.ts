import { Injectable } from '@nestjs/common';
import {
  type budgetsDelete,
  type budgetsList,
  type budgetsSet,
  type BudgetsSnapshot,
  type BudgetStatus,
  PurserError,
  type ReplyOf,
  type RequestOf,
} from '@purser/contracts';
import { RecallService } from '../leases/recall.service.js';
import { WindowChanges } from '../windows/window-changes.js';
import { WindowsRepository } from '../windows/windows.repository.js';
import { WindowsService } from '../windows/windows.service.js';
import { DefinitionsService } from './definitions.service.js';
import { SnapshotService } from './snapshot.service.js';

@Injectable()
export class BudgetsService {
  constructor(
    private readonly changes: WindowChanges,
    private readonly definitions: DefinitionsService,
    private readonly windows: WindowsRepository,
    private readonly rollover: WindowsService,
    private readonly snapshot: SnapshotService,
    private readonly recalls: RecallService,
  ) {}

  /** All that matter now; with a task, those of that task alone, however quiet it is. */
  async list({ task }: RequestOf<typeof budgetsList>): Promise<BudgetsSnapshot> {
    await this.rollover.roll();
    return this.snapshot.read(task === undefined ? {} : { task });
  }

  /** Answered when it is committed and gateways were told. */
  async set({ by, reason, ...budget }: RequestOf<typeof budgetsSet>): Promise<BudgetStatus> {
    const windowIds = await this.changes.commit(async (tx, touched) => {
      await this.windows.lockForShaping(tx);
      await this.definitions.define(tx, touched, budget, { by, reason, origin: 'set' });
      return [...touched.windows];
    });
    if (windowIds.length > 0) await this.tellGateways(windowIds, budget.scope.task === undefined);
    await this.rollover.roll();
    const status = await this.snapshot.one(budget.id);
    if (!status) {
      throw new PurserError('conflict', {
        message: `budget ${budget.id} was deleted by someone else at the same moment`,
      });
    }
    return status;
  }

  async delete({ id, by, reason }: RequestOf<typeof budgetsDelete>): Promise<ReplyOf<typeof budgetsDelete>> {
    const windowIds = await this.changes.commit(async (tx, touched) => {
      await this.windows.lockForShaping(tx);
      return this.definitions.remove(tx, touched, id, by, reason);
    });
    if (windowIds) await this.tellGateways(windowIds, true);
    return { id, deleted: windowIds !== undefined };
  }

  /** Budgets of tasks come in thousands: they wait for the next write of the snapshot; a gateway asks for one it misses. */
  private async tellGateways(windowIds: readonly bigint[], atOnce: boolean): Promise<void> {
    if (atOnce) await this.snapshot.publish();
    // An empty list would mean all windows.
    if (windowIds.length > 0) await this.recalls.broadcast(windowIds.map(String));
  }
}
