import { join } from 'node:path';
import { Token } from '@purser/contracts';
import { loadPlugins, pluginContexts, type PluginEntry, readPluginEntries } from '@purser/plugin-host';
import type { ComputeDriver } from '@purser/plugin-sdk';
import { type Environment, hideSecret, type Log } from '@purser/service';
import type { Config } from '../config.js';
import { dryDriver } from '../dry-run/dry-driver.js';
import type { ActiveDriver } from './active-driver.js';
import { throughGate } from './docker-through-gate.js';

export interface DriverSurroundings {
  config: Pick<
    Config,
    'PURSER_CONFIG_DIR' | 'GCP_PROJECT_ID' | 'HYBRID_ORCHESTRATION_DRY_RUN' | 'PURSER_VM_AGENT_IMAGE'
  >;
  env: Environment;
  log: Log;
  /** Aborted when the service stops. */
  signal: AbortSignal;
}

/** The compute drivers that plugins.json names. One that cannot be loaded is told of and stops nobody. */
export async function loadDrivers(
  place: ActiveDriver,
  { config, env, log, signal }: DriverSurroundings,
): Promise<void> {
  const { entries, resolveFrom } = await readPluginEntries(join(config.PURSER_CONFIG_DIR, 'plugins.json'), []);
  const { loaded, failed } = await loadPlugins({
    entries: (await throughGate(entries, env)).map((entry) => withSettings(entry, config, env)),
    resolveFrom,
    capability: 'compute',
    contextFor: pluginContexts({ env, logger: log, signal, hide: hideSecret }),
  });
  const refused = failed.map(({ name, use, reason }) => ({ plugin: name ?? use, reason }));
  const drivers: ComputeDriver[] = [];
  for (const { name, instance } of loaded) {
    if (!Token.safeParse(instance.provider).success)
      refused.push({ plugin: name, reason: 'its compute driver names no provider' });
    else if (drivers.some(({ provider }) => provider === instance.provider))
      refused.push({ plugin: name, reason: `there is a compute driver of ${instance.provider} already` });
    else drivers.push(config.HYBRID_ORCHESTRATION_DRY_RUN ? dryDriver(instance, log) : instance);
  }
  for (const one of refused)
    log.error(one, 'a plugin could not be loaded; if it is a compute driver, no VM can be had there');
  const chosen = choose(drivers, config.GCP_PROJECT_ID);
  const trouble = refused.map(({ plugin, reason }) => `${plugin}: ${reason}`);
  place.use(drivers, chosen.driver, [chosen.why, ...trouble].join('; '), [...chosen.problems, ...trouble]);
  if (drivers.length > 0) log.info({ drivers: drivers.map(({ provider }) => provider) }, chosen.why);
}

/** What the manager's own settings say of a cloud; the entry may say otherwise. */
function withSettings(entry: PluginEntry, config: DriverSurroundings['config'], env: Environment): PluginEntry {
  if (entry.use !== '@purser/gcp-compute') return entry;
  const own = entry.config as { region?: string; zone?: string };
  const set = (name: string): string | undefined => env[name]?.trim() || undefined;
  const asked = own.zone ?? set('GCP_ZONE');
  const settings = {
    project: config.GCP_PROJECT_ID,
    // Of the two, one that is not set follows from the other: the standard zone is in the standard region alone.
    region: own.region ?? set('GCP_REGION') ?? asked?.slice(0, asked.lastIndexOf('-')),
    zone: own.region === undefined || asked?.startsWith(`${own.region}-`) ? asked : undefined,
    agentImage: config.PURSER_VM_AGENT_IMAGE,
    publicNatsUrl: set('PURSER_PUBLIC_NATS_URL'),
  };
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  return { ...entry, config: { ...given, ...entry.config } };
}

const OFF =
  'no compute driver is configured in plugins.json, so that offloading is off. ' +
  'To turn it on, add @purser/gcp-compute or @purser/docker-compute there: docs/guides/compute.md shows how';

/** A cloud needs a project to put VMs into; what else is configured the operator turned on by that. */
function choose(
  drivers: readonly ComputeDriver[],
  project: string | undefined,
): { driver: ComputeDriver | undefined; why: string; problems: string[] } {
  const cloud = drivers.find(({ provider }) => provider === 'gcp');
  if (cloud && project !== undefined)
    return { driver: cloud, why: `VMs come from gcp, project ${project}`, problems: [] };
  // Whoever has named a project wants VMs of it, wherever they come from instead.
  const unasked =
    project === undefined
      ? []
      : [`GCP_PROJECT_ID is set, and no driver of it is: add {"use": "@purser/gcp-compute"} to plugins.json`];
  const other = drivers.find(({ provider }) => provider !== 'gcp');
  if (other) return { driver: other, why: `VMs come from ${other.provider}`, problems: unasked };
  if (cloud) {
    const why =
      'gcp-compute is configured, and GCP_PROJECT_ID is not set: no VM can be had. Set it to the project that pays';
    return { driver: undefined, why, problems: [why] };
  }
  return { driver: undefined, why: OFF, problems: unasked };
}
