import { Inject, Injectable } from '@nestjs/common';
import type { Budget } from '@purser/contracts';
import { Log } from '@purser/service';
import type { Sql } from '@purser/database';
import { RecallService } from '../leases/recall.service.js';
import { type Touched, WindowChanges } from '../windows/window-changes.js';
import { definitionOf, fingerprint } from './budget-row.js';
import { BUDGETS_FILE, type BudgetsFile } from './budgets-file.js';
import { BudgetsRepository } from './budgets.repository.js';
import { DAILY_SPEND_CAP_ID, dailySpendCap } from './daily-spend-cap.js';
import { DefinitionsService } from './definitions.service.js';

const BY_FILE = { by: 'config/budgets.json', reason: 'the file says so' };
const BY_ENVIRONMENT = { by: 'DAILY_SPEND_CAP', reason: 'the environment says so' };

/**
 * Budgets of the file follow the file, by one rule: what it says of a budget is applied when it differs from what it
 * said when it was last applied. So an edit of the file wins over everything before it, and a change that a person made
 * at run time stays through restarts until the file's own words about that budget change. Removed from the file, a budget
 * is removed, unless a person changed it. A file that is missing as a whole removes nothing: a lost mount must not lift
 * all limits. DAILY_SPEND_CAP is one budget more, by the same rule.
 */
@Injectable()
export class FileFollower {
  constructor(
    private readonly changes: WindowChanges,
    private readonly budgets: BudgetsRepository,
    private readonly definitions: DefinitionsService,
    @Inject(BUDGETS_FILE) private readonly file: BudgetsFile,
    private readonly recalls: RecallService,
    private readonly log: Log,
  ) {}

  async apply(): Promise<void> {
    const { path, found, budgets, cap } = this.file;
    if (!found) this.log.info({ path }, 'there is no budgets file: budgets are as they were last set');
    const said = cap ? [...budgets.filter(({ id }) => id !== cap.id), cap] : budgets;
    const touched = await this.changes.commit(async (tx, touched) => {
      await this.definitions.lock(tx);
      for (const budget of said) await this.follow(tx, touched, budget);
      await this.removeMissing(tx, touched, new Set(said.map(({ id }) => id)));
      return touched;
    });
    await this.recalls.afterChange(touched);
    this.log.info({ path, budgets: said.map(({ id }) => id) }, 'the configured budgets are applied');
  }

  private async follow(tx: Sql, touched: Touched, budget: BudgetsFile['budgets'][number]): Promise<void> {
    const row = await this.budgets.find(tx, budget.id);
    const said = row?.file_content ? fingerprint(row.file_content) : undefined;
    if (row && said === fingerprint(budget)) {
      const asSaid = row.deleted_at === null && fingerprint(definitionOf(row)) === said;
      if (!asSaid) {
        this.log.warn(
          { budgetId: budget.id, file: budget, now: row.deleted_at === null ? definitionOf(row) : 'deleted' },
          'a person changed this budget since the file was applied, and the file has not changed: the change stays',
        );
      }
      return;
    }
    const { by, reason } = budget === this.file.cap ? BY_ENVIRONMENT : BY_FILE;
    const change = { by, reason, origin: 'config' as const, fileContent: budget };
    const changed = await this.definitions.define(tx, touched, budget, change);
    if (!changed) await this.budgets.setFileContent(tx, budget.id, budget);
  }

  private async removeMissing(tx: Sql, touched: Touched, named: ReadonlySet<string>): Promise<void> {
    for (const row of await this.budgets.fromFile(tx)) {
      // Of that id the file may have one, too: it is the environment's only where it is word for word as that one says it.
      const ofFile = !isCap(row.id, row.file_content);
      if (named.has(row.id) || !row.file_content || (ofFile && !this.file.found)) continue;
      const untouched = fingerprint(definitionOf(row)) === fingerprint(row.file_content);
      const { by } = ofFile ? BY_FILE : BY_ENVIRONMENT;
      const removal = { by, reason: 'it is no longer there', byPerson: false };
      if (untouched) await this.definitions.remove(tx, touched, row.id, removal);
      else {
        this.log.warn(
          { budgetId: row.id },
          'this budget is no longer in the file, but a person changed it at run time: it stays',
        );
      }
      await this.budgets.setFileContent(tx, row.id, null);
    }
  }
}

const isCap = (id: string, said: Budget | null): boolean =>
  id === DAILY_SPEND_CAP_ID && said !== null && fingerprint(said) === fingerprint(dailySpendCap(said.limitUsd));
