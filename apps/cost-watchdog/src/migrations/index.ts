import type { MigrationClass } from '@purser/database';
import { CountByOwnClock1700000003004 } from './count-by-own-clock.js';
import { CreateBudgets1700000003000 } from './create-budgets.js';
import { CreateLatch1700000003002 } from './create-latch.js';
import { CreateLeaseReleases1700000003006 } from './create-lease-releases.js';
import { CreateLedger1700000003001 } from './create-ledger.js';
import { CreateReports1700000003500 } from './create-reports.js';
import { CreateShaping1700000003005 } from './create-shaping.js';
import { IndexBudgetChanges1700000003003 } from './index-budget-changes.js';
import { NamePriceRows1700000003007 } from './name-price-rows.js';

export const MIGRATIONS: MigrationClass[] = [
  CreateBudgets1700000003000,
  CreateLedger1700000003001,
  CreateLatch1700000003002,
  IndexBudgetChanges1700000003003,
  CountByOwnClock1700000003004,
  CreateShaping1700000003005,
  CreateLeaseReleases1700000003006,
  NamePriceRows1700000003007,
  CreateReports1700000003500,
];
