import { SERVICE_SCHEMAS } from '@purser/database';
import { type Environment, type RunningService, startService } from '@purser/service';
import { AppModule } from './app.module.js';
import { Config } from './config.js';
import { CreateEffects1700000005600 } from './migrations/create-effects.js';
import { CreateOverheads1700000005601 } from './migrations/create-overheads.js';
import { CreateSessions1700000001000 } from './migrations/create-sessions.js';

export { Config } from './config.js';
export { placeFolders } from './workspaces/folders.js';

/** What the runner's schema, `sessions`, is made of. */
export const migrations = [CreateSessions1700000001000, CreateEffects1700000005600, CreateOverheads1700000005601];

/** Starts a runner with the given environment. */
export const start = (env: Environment): Promise<RunningService> =>
  startService(
    {
      name: 'agent-runner',
      config: Config,
      port: (config) => config.PURSER_RUNNER_PORT,
      module: AppModule,
      database: { schema: SERVICE_SCHEMAS['agent-runner'], migrations },
    },
    env,
  );
