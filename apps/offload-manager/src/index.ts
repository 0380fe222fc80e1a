import { SERVICE_SCHEMAS } from '@purser/database';
import {
  type Environment,
  Log,
  parseConfig,
  type RunningService,
  startService,
  withSecretFiles,
} from '@purser/service';
import { AppModule } from './app.module.js';
import { Config } from './config.js';
import { MIGRATIONS } from './migrations/index.js';
import { withPreset } from './settings/presets.js';
import { ActiveDriver } from './vms/active-driver.js';
import { loadAsGateComes } from './vms/docker-through-gate.js';
import { loadDrivers } from './vms/load-drivers.js';

export { Config } from './config.js';
export { checkComponentsFile } from './components/check-components-file.js';
export { loadComputePrices } from './prices/compute-prices-file.js';
export { checkCompute, type ComputeCheck } from './vms/check-compute.js';

/** Starts the offload-manager with the given environment. */
export async function start(given: Environment): Promise<RunningService> {
  const env = withPreset(withSecretFiles(given));
  const stopping = new AbortController();
  const service = await startService(
    {
      name: 'offload-manager',
      config: Config,
      port: (config) => config.PURSER_OFFLOAD_PORT,
      module: AppModule,
      database: { schema: SERVICE_SCHEMAS['offload-manager'], migrations: MIGRATIONS, hearsChanges: true },
      // Before the latch is read: in an emergency everything goes that the drivers can find.
      prepare: (app) => {
        const { signal } = stopping;
        const surroundings = { config: parseConfig(Config, env), env, log: app.get(Log), signal };
        const place = app.get(ActiveDriver);
        return loadAsGateComes(place, env, signal, () => loadDrivers(place, surroundings));
      },
    },
    env,
  );
  const close = async () => {
    await service.close();
    stopping.abort();
  };
  return { ...service, close };
}
