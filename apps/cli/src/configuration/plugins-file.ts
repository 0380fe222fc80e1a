import { join } from 'node:path';
import { PurserError } from '@purser/contracts';
import { inspectPlugins, readPluginEntries } from '@purser/plugin-host';

/** Reads `plugins.json` and loads every plugin that it names, to check its configuration. Throws with all that is wrong. */
export async function checkPlugins(configDir: string): Promise<void> {
  const file = join(configDir, 'plugins.json');
  // Without a file the services have lists of their own, of built-in plugins.
  const failed = await inspectPlugins(await readPluginEntries(file, []));
  if (failed.length === 0) return;
  const lines = failed.map(
    ({ name, use, reason }) => `${file}: ${name === undefined ? use : `${name} (${use})`}: ${reason}`,
  );
  throw new PurserError('invalid_request', { message: lines.join('\n'), details: { failed } });
}
