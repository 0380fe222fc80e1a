import type { MigrationClass } from '@purser/database';
import { CreateBudgets1700000003000 } from './create-budgets.js';
import { CreateLatch1700000003002 } from './create-latch.js';
import { CreateLedger1700000003001 } from './create-ledger.js';
import { IndexBudgetChanges1700000003003 } from './index-budget-changes.js';

export const MIGRATIONS: MigrationClass[] = [
  CreateBudgets1700000003000,
  CreateLedger1700000003001,
  CreateLatch1700000003002,
  IndexBudgetChanges1700000003003,
];
