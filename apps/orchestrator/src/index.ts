import { SERVICE_SCHEMAS } from '@purser/database';
import { type Environment, type RunningService, startService } from '@purser/service';
import { serveControlApi } from './api/control-api.js';
import { AppModule } from './app.module.js';
import { Config } from './config.js';
import { MIGRATIONS } from './migrations/index.js';

export { Config } from './config.js';
export { loadLabelsFile } from './labels/labels-file.js';

/**
 * Every statement on the way of a task has an index to go by. Without this Postgres would plan the prepared ones while the
 * tables are young and small, to read them from end to end, and keep to that as they grow.
 */
const PLANNING = { enable_seqscan: 'off', enable_hashjoin: 'off', enable_mergejoin: 'off', jit: 'off' };

/** Starts the orchestrator with the given environment. */
export const start = (env: Environment): Promise<RunningService> =>
  startService(
    {
      name: 'orchestrator',
      config: Config,
      port: (config) => config.PURSER_API_PORT,
      module: AppModule,
      database: { schema: SERVICE_SCHEMAS.orchestrator, migrations: MIGRATIONS, settings: PLANNING },
      prepare: serveControlApi,
    },
    env,
  );
