import type { MigrationClass } from '@purser/database';

/** What the offload-manager's schema, `offload`, is made of. */
export const MIGRATIONS: MigrationClass[] = [];
