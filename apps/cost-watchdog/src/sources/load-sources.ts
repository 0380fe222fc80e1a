import { join } from 'node:path';
import { Token } from '@purser/contracts';
import { loadPlugins, pluginContexts, readPluginEntries } from '@purser/plugin-host';
import type { CostSource } from '@purser/plugin-sdk';
import { type Environment, hideSecret, type Log } from '@purser/service';
import { z } from 'zod';
import type { ConfiguredSource, ConfiguredSources } from './configured-sources.js';

/** What a plugin says of itself must be fit for the ledger: its provider is a token, its times are times. */
const Declared = z.object({
  provider: Token,
  schedule: z.object({ everySeconds: z.number().min(1), staleAfterSeconds: z.number().min(1) }),
});

export interface SourceSurroundings {
  configDir: string;
  env: Environment;
  log: Log;
  /** Aborted when the service stops. */
  signal: AbortSignal;
}

/** The cost sources that plugins.json names. One that cannot be loaded is told of and stops nobody. */
export async function loadSources(sources: ConfiguredSources, around: SourceSurroundings): Promise<void> {
  const { configDir, env, log, signal } = around;
  const { entries, resolveFrom } = await readPluginEntries(join(configDir, 'plugins.json'), []);
  const { loaded, failed } = await loadPlugins({
    entries,
    resolveFrom,
    capability: 'costSource',
    contextFor: pluginContexts({ env, logger: log, signal, hide: hideSecret }),
  });
  const refused = [...failed];
  const all: ConfiguredSource[] = [];
  for (const { name, use, instance, entry } of loaded) {
    const { books = 'auto', meteredServices = [] } = entry;
    const reason = defectOf(instance);
    if (reason === undefined) all.push({ name, use, source: instance, books, meteredServices });
    else refused.push({ name, use, reason });
  }
  for (const { name, use, reason } of refused)
    log.error(
      { plugin: name ?? use, reason },
      'a plugin could not be loaded; if it is a cost source, its costs are unknown',
    );
  Object.assign(sources, { all, refused });
  if (all.length > 0) log.info({ sources: all.map(({ name }) => name) }, 'cost sources are configured');
}

function defectOf(source: CostSource): string | undefined {
  const declared = Declared.safeParse({ provider: source.provider, schedule: source.schedule });
  if (declared.success) return undefined;
  const [issue] = declared.error.issues;
  return `its costSource: ${issue?.path.join('.')}: ${issue?.message}`;
}
