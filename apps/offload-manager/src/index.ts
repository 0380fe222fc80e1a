import { SERVICE_SCHEMAS } from '@purser/database';
import { type Environment, type RunningService, startService } from '@purser/service';
import { AppModule } from './app.module.js';
import { Config } from './config.js';
import { MIGRATIONS } from './migrations/index.js';
import { withPreset } from './settings/presets.js';

export { Config } from './config.js';

/** Starts the offload-manager with the given environment. */
export const start = (env: Environment): Promise<RunningService> =>
  startService(
    {
      name: 'offload-manager',
      config: Config,
      port: (config) => config.PURSER_OFFLOAD_PORT,
      module: AppModule,
      database: { schema: SERVICE_SCHEMAS['offload-manager'], migrations: MIGRATIONS },
    },
    withPreset(env),
  );
