import { CreateOutbox1700000000000, Database } from '@purser/database';
import type { Log } from '@purser/service';
import { MIGRATIONS } from './migrations/index.js';

export const DATABASE_OPTIONS = {
  schema: 'offload',
  migrations: [CreateOutbox1700000000000, ...MIGRATIONS],
  applicationName: 'spec',
};

/** For createTestDatabase. */
export const OFFLOAD_TEMPLATE = {
  name: 'offload-manager',
  build: async (url: string): Promise<void> => (await Database.open({ ...DATABASE_OPTIONS, url })).close(),
};

const quiet = () => undefined;
export const QUIET: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => QUIET };
