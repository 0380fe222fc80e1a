import { SERVICE_SCHEMAS } from '@purser/database';
import { type Environment, type RunningService, startService } from '@purser/service';
import { serveControlApi } from './api/control-api.js';
import { AppModule } from './app.module.js';
import { Config } from './config.js';
import { MIGRATIONS } from './migrations/index.js';

export { Config } from './config.js';

/** Starts the orchestrator with the given environment. */
export const start = (env: Environment): Promise<RunningService> =>
  startService(
    {
      name: 'orchestrator',
      config: Config,
      port: (config) => config.PURSER_API_PORT,
      module: AppModule,
      database: { schema: SERVICE_SCHEMAS.orchestrator, migrations: MIGRATIONS },
      prepare: serveControlApi,
    },
    env,
  );
