import { Controller } from '@nestjs/common';
import { Serve } from '@purser/bus';
import {
  budgetsChanged,
  budgetsDelete,
  budgetsHistory,
  budgetsList,
  budgetsRetire,
  budgetsSet,
  type BudgetsSnapshot,
  type BudgetStatus,
  type ReplyOf,
  type RequestOf,
} from '@purser/contracts';
import { BudgetsService } from './budgets.service.js';
import { SnapshotService } from './snapshot.service.js';

@Controller()
export class BudgetsHandlers {
  constructor(
    private readonly budgets: BudgetsService,
    private readonly snapshot: SnapshotService,
  ) {}

  @Serve(budgetsList)
  list(request: RequestOf<typeof budgetsList>): Promise<BudgetsSnapshot> {
    return this.budgets.list(request);
  }

  @Serve(budgetsChanged)
  changed(request: RequestOf<typeof budgetsChanged>): Promise<ReplyOf<typeof budgetsChanged>> {
    return this.budgets.changed(request);
  }

  @Serve(budgetsSet)
  set(request: RequestOf<typeof budgetsSet>): Promise<BudgetStatus> {
    return this.budgets.set(request);
  }

  @Serve(budgetsHistory)
  history(request: RequestOf<typeof budgetsHistory>): Promise<ReplyOf<typeof budgetsHistory>> {
    return this.snapshot.history(request);
  }

  @Serve(budgetsRetire)
  retire(request: RequestOf<typeof budgetsRetire>): Promise<ReplyOf<typeof budgetsRetire>> {
    return this.budgets.retire(request);
  }

  @Serve(budgetsDelete)
  delete(request: RequestOf<typeof budgetsDelete>): Promise<ReplyOf<typeof budgetsDelete>> {
    return this.budgets.delete(request);
  }
}
