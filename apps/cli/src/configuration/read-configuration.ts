import { stat } from 'node:fs/promises';
import { isPurserError, problemLines, PurserError, type ServiceName } from '@purser/contracts';
import { type Environment, parseConfig, withSecretFiles } from '@purser/service';
import { count } from '../output/words.js';
import { type LoadedServices, loadServices } from '../up/services.js';
import { doubledPorts, parseSettings, type Settings } from '../up/settings.js';
import { checkPlugins } from './plugins-file.js';

/** Where configuration comes from, as `purser doctor` lists it. */
export const SOURCES = [
  'environment',
  'alerts.json',
  'budgets.json',
  'labels.json',
  'models.json',
  'plugins.json',
  'prices.json',
  'emergency.json',
  'components.json',
  'compute-prices.json',
] as const;
export type Source = (typeof SOURCES)[number];

export interface Configuration {
  /** Undefined when the environment has problems. */
  settings: Settings | undefined;
  /** Each names the variable or the file and its field, what is wrong, and what would be right. */
  problems: Record<Source, string[]>;
}

/** What `purser up` gives every service itself; any that is right will do to check the rest. */
const GIVEN: Environment = {
  PURSER_NATS_URL: 'nats://127.0.0.1:4222',
  PURSER_DATABASE_URL: 'postgres://127.0.0.1:5432/purser',
};

/** Reads everything that the services will read, with their own readers, and starts nothing. */
export async function readConfiguration(env: Environment, configDir: string): Promise<Configuration> {
  const services = loadServices();
  const [
    { settings, problems: environment },
    noFolder,
    alerts,
    budgets,
    labels,
    models,
    plugins,
    prices,
    emergency,
    components,
    vmPrices,
  ] = await Promise.all([
    readEnvironment(env, services),
    missingFolder(env, configDir),
    problemsOf(async () => (await services['cost-watchdog']).loadAlertsFile(configDir)),
    problemsOf(async () => (await services['cost-watchdog']).loadBudgetsFile(configDir)),
    problemsOf(async () => (await services.orchestrator).loadLabelsFile(configDir)),
    problemsOf(async () => (await services['model-gateway']).readLadders(configDir)),
    problemsOf(() => checkPlugins(configDir)),
    problemsOf(async () => (await services['model-gateway']).readPriceTable(configDir)),
    problemsOf(async () => (await services['cost-watchdog']).loadEmergencyFile(configDir)),
    problemsOf(async () => (await services['offload-manager']).checkComponentsFile(configDir)),
    problemsOf(async () => (await services['offload-manager']).loadComputePrices(configDir)),
  ]);
  return {
    settings,
    problems: {
      environment: [...environment, ...noFolder],
      'alerts.json': alerts,
      'budgets.json': budgets,
      'labels.json': labels,
      'models.json': models,
      'plugins.json': plugins,
      'prices.json': prices,
      'emergency.json': emergency,
      'components.json': components,
      'compute-prices.json': vmPrices,
    },
  };
}

/**
 * Settings to start with.
 * @throws PurserError `invalid_request` that lists all that is wrong
 */
export async function requireConfiguration(env: Environment, configDir: string): Promise<Settings> {
  const { settings, problems } = await readConfiguration(env, configDir);
  const all = SOURCES.flatMap((source) => problems[source]);
  if (settings && all.length === 0) return settings;
  throw new PurserError('invalid_request', {
    message: `${count(all.length, 'thing')} in the configuration ${all.length === 1 ? 'is' : 'are'} wrong; nothing was started.\n${all.join('\n')}`,
    details: { problems },
  });
}

/** Without the files that somebody points to, budgets too would silently not be there. */
async function missingFolder({ PURSER_CONFIG_DIR: named }: Environment, configDir: string): Promise<string[]> {
  if (!named) return [];
  const isThere = await stat(configDir).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isThere
    ? []
    : [`PURSER_CONFIG_DIR is not valid: there is no folder ${configDir}; make it, or unset the variable`];
}

async function readEnvironment(
  given: Environment,
  services: LoadedServices,
): Promise<{ settings: Settings | undefined; problems: string[] }> {
  let env = given;
  const problems = await problemsOf(() => (env = withSecretFiles(given)));
  let settings: Settings | undefined;
  problems.push(...(await problemsOf(() => (settings = parseSettings(env)))));
  for (const name of Object.keys(services) as ServiceName[]) {
    const { Config } = await services[name];
    problems.push(...(await problemsOf(() => parseConfig(Config, { ...env, ...GIVEN }))));
  }
  if (settings) problems.push(...doubledPorts(settings));
  const all = [...new Set(problems)];
  return { settings: all.length === 0 ? settings : undefined, problems: all };
}

/** What `read` has to say against what it reads; anything but that is thrown on. */
async function problemsOf(read: () => unknown): Promise<string[]> {
  try {
    await read();
    return [];
  } catch (error) {
    if (isPurserError(error) && error.code === 'invalid_request') return problemLines(error);
    throw error;
  }
}
