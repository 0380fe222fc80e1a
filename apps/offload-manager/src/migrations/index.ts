import type { MigrationClass } from '@purser/database';
import { CreateDecisions1700000006401 } from './create-decisions.js';
import { CreateProfiles1700000006400 } from './create-profiles.js';

/** What the offload-manager's schema, `offload`, is made of. */
export const MIGRATIONS: MigrationClass[] = [CreateProfiles1700000006400, CreateDecisions1700000006401];
