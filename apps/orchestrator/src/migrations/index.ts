import type { MigrationClass } from '@purser/database';
import { CreateClaimsUnderWay1700000001001 } from './create-claims-under-way.js';
import { CreateTasks1700000001000 } from './create-tasks.js';
import { ExtendTasks1700000005000 } from './extend-tasks.js';
import { RelateTasks1700000005200 } from './relate-tasks.js';

export const MIGRATIONS: MigrationClass[] = [
  CreateTasks1700000001000,
  CreateClaimsUnderWay1700000001001,
  ExtendTasks1700000005000,
  RelateTasks1700000005200,
];
