import { Injectable } from '@nestjs/common';
import {
  type budgetsChanged,
  type budgetsDelete,
  type budgetsList,
  type budgetsRetire,
  type budgetsSet,
  type BudgetsSnapshot,
  type BudgetStatus,
  PurserError,
  type ReplyOf,
  type RequestOf,
  taskBudgetId,
} from '@purser/contracts';
import { RecallService } from '../leases/recall.service.js';
import { WindowChanges } from '../windows/window-changes.js';
import { WindowsService } from '../windows/windows.service.js';
import { DefinitionsService, type Removal } from './definitions.service.js';
import { SnapshotService } from './snapshot.service.js';

@Injectable()
export class BudgetsService {
  constructor(
    private readonly changes: WindowChanges,
    private readonly definitions: DefinitionsService,
    private readonly rollover: WindowsService,
    private readonly snapshot: SnapshotService,
    private readonly recalls: RecallService,
  ) {}

  /** All that matter now; with a task, those of that task alone, however quiet it is. */
  async list(request: RequestOf<typeof budgetsList>): Promise<BudgetsSnapshot> {
    await this.rollover.roll();
    return this.snapshot.read(request);
  }

  changed({ since }: RequestOf<typeof budgetsChanged>): Promise<ReplyOf<typeof budgetsChanged>> {
    return this.snapshot.changedSince(since);
  }

  /** Answered when it is committed and gateways were told. */
  async set({ by, reason, ...budget }: RequestOf<typeof budgetsSet>): Promise<BudgetStatus> {
    const changed = await this.changes.commit(async (tx, touched) => {
      await this.definitions.lock(tx);
      await this.definitions.define(tx, touched, budget, { by, reason, origin: 'set' });
      return touched;
    });
    await this.recalls.afterChange(changed);
    await this.rollover.roll();
    const status = await this.snapshot.one(budget.id);
    if (!status) {
      throw new PurserError('conflict', {
        message: `budget ${budget.id} was deleted by someone else at the same moment`,
      });
    }
    return status;
  }

  /** A person's word; the budget that limits a task is not theirs to remove. */
  delete({ id, by, reason }: RequestOf<typeof budgetsDelete>): Promise<ReplyOf<typeof budgetsDelete>> {
    return this.remove(id, { by, reason, byPerson: true });
  }

  /** The orchestrator's: the task has ended. */
  retire({ task }: RequestOf<typeof budgetsRetire>): Promise<ReplyOf<typeof budgetsRetire>> {
    return this.remove(taskBudgetId(task), { by: 'orchestrator', reason: `task ${task} has ended`, byPerson: false });
  }

  private async remove(id: string, removal: Removal): Promise<{ id: string; deleted: boolean }> {
    const { deleted, touched } = await this.changes.commit(async (tx, touched) => {
      await this.definitions.lock(tx);
      return { deleted: await this.definitions.remove(tx, touched, id, removal), touched };
    });
    await this.recalls.afterChange(touched);
    return { id, deleted };
  }
}
