import type { MigrationClass } from '@purser/database';
import { CreateMoves1700000006200 } from './create-moves.js';
import { CreateProfiles1700000006400 } from './create-profiles.js';

/** What the offload-manager's schema, `offload`, is made of. */
export const MIGRATIONS: MigrationClass[] = [CreateMoves1700000006200, CreateProfiles1700000006400];
