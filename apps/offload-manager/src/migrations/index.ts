import type { MigrationClass } from '@purser/database';
import { CreateStrays1700000006001 } from './create-strays.js';
import { CreateVms1700000006000 } from './create-vms.js';

/** What the offload-manager's schema, `offload`, is made of. */
export const MIGRATIONS: MigrationClass[] = [CreateVms1700000006000, CreateStrays1700000006001];
