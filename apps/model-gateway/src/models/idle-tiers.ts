import { join } from 'node:path';
import { PluginEntry, pluginNames, readPluginEntries } from '@purser/plugin-host';
import { readPriceTable } from '../prices/read-price-table.js';
import { BROWSER_API } from './client-side.js';
import { DEFAULT_PLUGINS } from './plugin-loader.js';
import { readLadders } from './read-ladders.js';

/** Tiers of a configuration that no call can ever reach, in words: they are no error, but hardly meant. */
export async function idleTiers(configDir: string): Promise<string[]> {
  const source = join(configDir, 'models.json');
  const { tiers } = await readLadders(configDir, await readPriceTable(configDir));
  const known = [...(await providerNames(configDir)), BROWSER_API];
  return tiers.flatMap(({ capability, name, provider, model, free, price }) => {
    const where = `${source}: ${capability}.${name}`;
    if (!known.includes(provider)) {
      return [
        `${where}: there is no provider "${provider}" in plugins.json, so it is never called; there are: ${known.join(', ')}`,
      ];
    }
    if (free || price !== undefined) return [];
    return [
      `${where}: ${provider}/${model} has no price in models.json or prices.json; a paid tier without one is never called, unless it is set at run time: purser prices set`,
    ];
  });
}

/** As the gateway loads them: a file that names no model provider at all leaves the standard ones in place. */
async function providerNames(configDir: string): Promise<string[]> {
  const { entries, resolveFrom } = await readPluginEntries(join(configDir, 'plugins.json'), DEFAULT_PLUGINS);
  const capability = 'modelProvider';
  const named = await pluginNames({ entries, resolveFrom, capability });
  if (named.length > 0) return named;
  return pluginNames({ entries: DEFAULT_PLUGINS.map((entry) => PluginEntry.parse(entry)), resolveFrom, capability });
}
