import { join } from 'node:path';
import { SERVICE_SCHEMAS } from '@purser/database';
import { type Environment, parseConfig, type RunningService, startService, withSecretFiles } from '@purser/service';
import { appModule } from './app.module.js';
import { loadBudgetsFile } from './budgets/budgets-file.js';
import { FileFollower } from './budgets/file-follower.service.js';
import { Config } from './config.js';
import { MIGRATIONS } from './migrations/index.js';
import { loadEmergencyFile } from './shutdown/emergency-file.js';
import { WindowsService } from './windows/windows.service.js';

export { loadBudgetsFile } from './budgets/budgets-file.js';
export { Config } from './config.js';
export { type DirectAccess, type DirectTrigger, triggerDirectly } from './emergency/direct-trigger.js';
export { loadEmergencyFile } from './shutdown/emergency-file.js';

/** Starts the cost-watchdog with the given environment. */
export async function start(env: Environment): Promise<RunningService> {
  const {
    PURSER_CONFIG_DIR: configDir,
    PURSER_HOME: home,
    DOCKER_HOST: dockerHost,
  } = parseConfig(Config, withSecretFiles(env));
  const file = await loadBudgetsFile(configDir);
  const shutdown = { file: await loadEmergencyFile(configDir), reportsFolder: join(home, 'reports'), dockerHost };
  return startService(
    {
      name: 'cost-watchdog',
      config: Config,
      port: (config) => config.PURSER_WATCHDOG_PORT,
      module: appModule(file, shutdown),
      database: { schema: SERVICE_SCHEMAS['cost-watchdog'], migrations: MIGRATIONS },
      // Before the first request is taken: nobody is to be told of budgets as they were before the file was read.
      prepare: async (app) => {
        await app.get(FileFollower).apply();
        await app.get(WindowsService).roll();
      },
    },
    env,
  );
}
