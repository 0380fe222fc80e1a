import { type Environment, type Log, parseConfig, serviceSettings, withSecretFiles } from '@purser/service';
import { z } from 'zod';
import { credentialSettings } from '../credentials/credential-settings.js';
import { publicNatsUrl } from '../credentials/public-nats-url.js';
import { offloadSettings } from '../settings/offload-settings.js';
import { withPreset } from '../settings/presets.js';
import { ActiveDriver } from './active-driver.js';
import { loadDrivers } from './load-drivers.js';

const { PURSER_CONFIG_DIR } = serviceSettings;
const Settings = z.object({ ...offloadSettings, ...credentialSettings, PURSER_CONFIG_DIR });

export interface ComputeCheck {
  /** HYBRID_ORCHESTRATION_ENABLED. */
  enabled: boolean;
  provider: string | null;
  why: string;
  problems: string[];
}

/** A cloud that does not answer by then is a problem of its own. */
const CHECK_MS = 20_000;

const quiet = () => undefined;
const SILENT: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => SILENT };

/**
 * Before a start: where VMs would come from, and all that would keep them from being made there. The file of the bus's users
 * is not looked at, which a start makes.
 */
export async function checkCompute(given: Environment, configDir: string, signal: AbortSignal): Promise<ComputeCheck> {
  const env = withPreset(withSecretFiles({ ...given, PURSER_CONFIG_DIR: configDir }));
  const config = parseConfig(Settings, env);
  const drivers = new ActiveDriver();
  await loadDrivers(drivers, { config, env, log: SILENT, signal });
  const driver = drivers.get();
  const problems = [...drivers.problems];
  const note = (error: unknown) => problems.push(error instanceof Error ? error.message : String(error));
  if (driver !== undefined && config.HYBRID_ORCHESTRATION_ENABLED) {
    const late = AbortSignal.timeout(CHECK_MS);
    const words = `${driver.provider} has not said within ${CHECK_MS / 1_000} s whether VMs can be made there`;
    await driver
      .check({ signal: AbortSignal.any([signal, late]) })
      .catch((error: unknown) => note(late.aborted ? words : error));
    try {
      publicNatsUrl(config);
    } catch (error) {
      note(error);
    }
  }
  return {
    enabled: config.HYBRID_ORCHESTRATION_ENABLED,
    provider: driver?.provider ?? null,
    why: drivers.why,
    problems: [...new Set(problems)],
  };
}
