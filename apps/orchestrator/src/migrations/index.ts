import type { MigrationClass } from '@purser/database';
import { CreateArchive1700000005303 } from './create-archive.js';
import { CreateClaimsUnderWay1700000001001 } from './create-claims-under-way.js';
import { CreateSignals1700000005301 } from './create-signals.js';
import { CreateTasks1700000001000 } from './create-tasks.js';
import { ControlTasks1700000005300 } from './control-tasks.js';
import { ExtendTasks1700000005000 } from './extend-tasks.js';
import { RetryTasks1700000005302 } from './retry-tasks.js';

export const MIGRATIONS: MigrationClass[] = [
  CreateTasks1700000001000,
  CreateClaimsUnderWay1700000001001,
  ExtendTasks1700000005000,
  ControlTasks1700000005300,
  CreateSignals1700000005301,
  RetryTasks1700000005302,
  CreateArchive1700000005303,
];
