import type { MigrationClass } from '@purser/database';
import { CheapenIds1700000005203 } from './cheapen-ids.js';
import { ControlTasks1700000005300 } from './control-tasks.js';
import { CreateArchive1700000005303 } from './create-archive.js';
import { CreateClaimsUnderWay1700000001001 } from './create-claims-under-way.js';
import { CreateLabelLimits1700000005110 } from './create-label-limits.js';
import { CreateSchedules1700000005400 } from './create-schedules.js';
import { CreateSignals1700000005301 } from './create-signals.js';
import { CreateTasks1700000001000 } from './create-tasks.js';
import { ExtendTasks1700000005000 } from './extend-tasks.js';
import { KeepMarksOfClaims1700000005901 } from './keep-marks-of-claims.js';
import { KeepRecords1700000005510 } from './keep-records.js';
import { OrderClaims1700000005100 } from './order-claims.js';
import { RelateTasks1700000005200 } from './relate-tasks.js';
import { RetryTasks1700000005302 } from './retry-tasks.js';
import { WaitForBudgets1700000005520 } from './wait-for-budgets.js';
import { WaitOnceRefused1700000005900 } from './wait-once-refused.js';

export const MIGRATIONS: MigrationClass[] = [
  CreateTasks1700000001000,
  CreateClaimsUnderWay1700000001001,
  ExtendTasks1700000005000,
  OrderClaims1700000005100,
  CreateLabelLimits1700000005110,
  RelateTasks1700000005200,
  CheapenIds1700000005203,
  ControlTasks1700000005300,
  CreateSignals1700000005301,
  RetryTasks1700000005302,
  CreateArchive1700000005303,
  CreateSchedules1700000005400,
  KeepRecords1700000005510,
  WaitForBudgets1700000005520,
  WaitOnceRefused1700000005900,
  KeepMarksOfClaims1700000005901,
];
