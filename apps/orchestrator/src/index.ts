import { type Environment, type RunningService, startService } from '@purser/service';
import { serveControlApi } from './api/control-api.js';
import { AppModule } from './app.module.js';
import { Config } from './config.js';
import { CreateTasks1700000001000 } from './migrations/create-tasks.js';

export { Config } from './config.js';

/** Starts the orchestrator with the given environment. */
export const start = (env: Environment): Promise<RunningService> =>
  startService(
    {
      name: 'orchestrator',
      config: Config,
      port: (config) => config.PURSER_API_PORT,
      module: AppModule,
      database: { schema: 'tasks', migrations: [CreateTasks1700000001000] },
      prepare: serveControlApi,
    },
    env,
  );
