import { SERVICE_SCHEMAS } from '@purser/database';
import { type Environment, type RunningService, startService } from '@purser/service';
import { AppModule } from './app.module.js';
import { FileFollower } from './budgets/file-follower.service.js';
import { Config } from './config.js';
import { MIGRATIONS } from './migrations/index.js';
import { WindowsService } from './windows/windows.service.js';

export { loadBudgetsFile } from './budgets/budgets-file.js';
export { Config } from './config.js';

/** Starts the cost-watchdog with the given environment. */
export const start = (env: Environment): Promise<RunningService> =>
  startService(
    {
      name: 'cost-watchdog',
      config: Config,
      port: (config) => config.PURSER_WATCHDOG_PORT,
      module: AppModule,
      database: { schema: SERVICE_SCHEMAS['cost-watchdog'], migrations: MIGRATIONS },
      // Before the first request is taken: nobody is to be told of budgets as they were before the file was read.
      prepare: async (app) => {
        await app.get(FileFollower).apply();
        await app.get(WindowsService).roll();
      },
    },
    env,
  );
