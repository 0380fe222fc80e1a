import { join } from 'node:path';
import { SERVICE_SCHEMAS } from '@purser/database';
import {
  type Environment,
  Log,
  parseConfig,
  type RunningService,
  startService,
  withSecretFiles,
} from '@purser/service';
import { loadAlertsFile } from './alerts/alerts-file.js';
import { ChannelRegistry } from './alerts/channel-registry.service.js';
import { DailyReport } from './alerts/daily-report.service.js';
import { NotifierLoader } from './alerts/notifier-loader.js';
import { appModule } from './app.module.js';
import { loadBudgetsFile } from './budgets/budgets-file.js';
import { dailySpendCap } from './budgets/daily-spend-cap.js';
import { FileFollower } from './budgets/file-follower.service.js';
import { Config } from './config.js';
import { MIGRATIONS } from './migrations/index.js';
import { loadEmergencyFile } from './shutdown/emergency-file.js';
import { thresholdsOf } from './notices/spend-thresholds.js';
import { ConfiguredSources } from './sources/configured-sources.js';
import { loadSources } from './sources/load-sources.js';
import { SourceReader } from './sources/source-reader.service.js';
import { WindowsService } from './windows/windows.service.js';

export { loadAlertsFile } from './alerts/alerts-file.js';
export { loadBudgetsFile } from './budgets/budgets-file.js';
export { Config } from './config.js';
export { type DirectAccess, type DirectTrigger, triggerDirectly } from './emergency/direct-trigger.js';
export { loadEmergencyFile } from './shutdown/emergency-file.js';

/** Starts the cost-watchdog with the given environment. */
export async function start(given: Environment): Promise<RunningService> {
  const env = withSecretFiles(given);
  const config = parseConfig(Config, env);
  const { PURSER_CONFIG_DIR: configDir, PURSER_HOME: home, DOCKER_HOST: dockerHost } = config;
  const cap = config.DAILY_SPEND_CAP === undefined ? undefined : dailySpendCap(config.DAILY_SPEND_CAP);
  const budgets = { ...(await loadBudgetsFile(configDir)), cap };
  const alerts = await loadAlertsFile(configDir);
  const shutdown = { file: await loadEmergencyFile(configDir), reportsFolder: join(home, 'reports'), dockerHost };
  return startService(
    {
      name: 'cost-watchdog',
      config: Config,
      port: (config) => config.PURSER_WATCHDOG_PORT,
      module: appModule({ env, budgets, alerts, thresholds: thresholdsOf(config), shutdown }),
      database: { schema: SERVICE_SCHEMAS['cost-watchdog'], migrations: MIGRATIONS },
      // Before the first request is taken: nobody is to be told of budgets as they were before the file was read.
      prepare: async (app) => {
        await app.get(NotifierLoader).load();
        await app.get(ChannelRegistry).announce();
        await app.get(DailyReport).begin();
        await app.get(FileFollower).apply();
        await app.get(WindowsService).roll();
        const { signal } = app.get(SourceReader);
        await loadSources(app.get(ConfiguredSources), { configDir, env, log: app.get(Log), signal });
      },
    },
    env,
  );
}
