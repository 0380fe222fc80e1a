import { resolve } from 'node:path';
import type { PluginEntry } from '@purser/plugin-host';
import type { Config } from '../config.js';
import { placeFolders } from '../workspaces/folders.js';

export const CONTAINER = '@purser/container';

/** The executor of containers is there when the runner's settings say so, which also say where it finds what it needs. */
export async function containerEntries(entries: readonly PluginEntry[], config: Config): Promise<PluginEntry[]> {
  if (!config.PURSER_CONTAINERS) return [];
  const { workspaces, sessions } = await placeFolders(config.PURSER_HOME);
  const named = entries.find(({ use }) => use === CONTAINER) ?? { use: CONTAINER, config: {} };
  const { PURSER_HOME: home, PURSER_CONTAINERS_GATE: gate } = config;
  const place = { home: resolve(home), folders: [workspaces, sessions], ...(gate === undefined ? {} : { gate }) };
  return [{ ...named, config: { ...named.config, ...place } }];
}
