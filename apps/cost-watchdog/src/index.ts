import { SERVICE_SCHEMAS } from '@purser/database';
import {
  type Environment,
  Log,
  parseConfig,
  type RunningService,
  startService,
  withSecretFiles,
} from '@purser/service';
import { appModule } from './app.module.js';
import { loadBudgetsFile } from './budgets/budgets-file.js';
import { dailySpendCap } from './budgets/daily-spend-cap.js';
import { FileFollower } from './budgets/file-follower.service.js';
import { Config } from './config.js';
import { MIGRATIONS } from './migrations/index.js';
import { thresholdsOf } from './notices/spend-thresholds.js';
import { ConfiguredSources } from './sources/configured-sources.js';
import { loadSources } from './sources/load-sources.js';
import { SourceReader } from './sources/source-reader.service.js';
import { WindowsService } from './windows/windows.service.js';

export { loadBudgetsFile } from './budgets/budgets-file.js';
export { Config } from './config.js';

/** Starts the cost-watchdog with the given environment. */
export async function start(given: Environment): Promise<RunningService> {
  const env = withSecretFiles(given);
  const config = parseConfig(Config, env);
  const { PURSER_CONFIG_DIR: configDir } = config;
  const cap = config.DAILY_SPEND_CAP === undefined ? undefined : dailySpendCap(config.DAILY_SPEND_CAP);
  const file = { ...(await loadBudgetsFile(configDir)), cap };
  return startService(
    {
      name: 'cost-watchdog',
      config: Config,
      port: (config) => config.PURSER_WATCHDOG_PORT,
      module: appModule(file, thresholdsOf(config)),
      database: { schema: SERVICE_SCHEMAS['cost-watchdog'], migrations: MIGRATIONS },
      // Before the first request is taken: nobody is to be told of budgets as they were before the file was read.
      prepare: async (app) => {
        await app.get(FileFollower).apply();
        await app.get(WindowsService).roll();
        const { signal } = app.get(SourceReader);
        await loadSources(app.get(ConfiguredSources), { configDir, env, log: app.get(Log), signal });
      },
    },
    env,
  );
}
