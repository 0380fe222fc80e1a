import type { MigrationClass } from '@purser/database';
import { CreateClaimsUnderWay1700000001001 } from './create-claims-under-way.js';
import { CreateLabelLimits1700000005110 } from './create-label-limits.js';
import { CreateSchedules1700000005400 } from './create-schedules.js';
import { CreateTasks1700000001000 } from './create-tasks.js';
import { ExtendTasks1700000005000 } from './extend-tasks.js';
import { KeepRecords1700000005510 } from './keep-records.js';
import { OrderClaims1700000005100 } from './order-claims.js';
import { RelateTasks1700000005200 } from './relate-tasks.js';
import { WaitForBudgets1700000005520 } from './wait-for-budgets.js';

export const MIGRATIONS: MigrationClass[] = [
  CreateTasks1700000001000,
  CreateClaimsUnderWay1700000001001,
  ExtendTasks1700000005000,
  OrderClaims1700000005100,
  CreateLabelLimits1700000005110,
  RelateTasks1700000005200,
  CreateSchedules1700000005400,
  KeepRecords1700000005510,
  WaitForBudgets1700000005520,
];
