import type { MigrationClass } from '@purser/database';
import { AddReserves1700000003100 } from './add-reserves.js';
import { CountByOwnClock1700000003004 } from './count-by-own-clock.js';
import { CorrectLedger1700000003600 } from './correct-ledger.js';
import { CreateAlerts1700000003300 } from './create-alerts.js';
import { CreateBudgets1700000003000 } from './create-budgets.js';
import { CreateCostSources1700000003400 } from './create-cost-sources.js';
import { CreateLatch1700000003002 } from './create-latch.js';
import { CreateLeaseReleases1700000003006 } from './create-lease-releases.js';
import { CreateLedger1700000003001 } from './create-ledger.js';
import { CreateReportedSpend1700000003700 } from './create-reported-spend.js';
import { CreateReports1700000003500 } from './create-reports.js';
import { CreateShaping1700000003005 } from './create-shaping.js';
import { FollowBudgets1700000003602 } from './follow-budgets.js';
import { IndexBudgetChanges1700000003003 } from './index-budget-changes.js';
import { IndexWhatIsOver1700000003800 } from './index-what-is-over.js';
import { NamePriceRows1700000003007 } from './name-price-rows.js';
import { RelateEntries1700000005202 } from './relate-entries.js';
import { ReviseOverCorrections1700000003801 } from './revise-over-corrections.js';
import { RollUpLedger1700000003601 } from './roll-up-ledger.js';

export const MIGRATIONS: MigrationClass[] = [
  CreateBudgets1700000003000,
  CreateLedger1700000003001,
  CreateLatch1700000003002,
  IndexBudgetChanges1700000003003,
  CountByOwnClock1700000003004,
  CreateShaping1700000003005,
  CreateLeaseReleases1700000003006,
  NamePriceRows1700000003007,
  AddReserves1700000003100,
  CreateAlerts1700000003300,
  CreateCostSources1700000003400,
  CreateReports1700000003500,
  CorrectLedger1700000003600,
  RollUpLedger1700000003601,
  FollowBudgets1700000003602,
  CreateReportedSpend1700000003700,
  IndexWhatIsOver1700000003800,
  ReviseOverCorrections1700000003801,
  RelateEntries1700000005202,
];
