import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { invalidRequest, PurserError, Token } from '@purser/contracts';
import { z } from 'zod';

export const PluginEntry = z.strictObject({
  /** A package's name, or a path (beginning with "." or "/") relative to the configuration file. */
  use: z.string().min(1, 'a package name such as "@purser/openai", or a path such as "./my-plugin.mjs"'),
  /** What ladders and task specs call it; the plugin's own name when left out. One package may be used under several. */
  name: Token.optional(),
  /** Checked against the plugin's own schema. */
  config: z.record(z.string(), z.unknown()).default({}),
});
export type PluginEntry = z.output<typeof PluginEntry>;
export type PluginEntryInput = z.input<typeof PluginEntry>;

/** `config/plugins.json`. */
export const PluginsFile = z.strictObject({
  $schema: z.string().optional(),
  plugins: z.array(PluginEntry).max(200),
});

export interface PluginEntries {
  entries: PluginEntry[];
  /** The folder that paths and packages are looked up from. */
  resolveFrom: string;
}

/** Reads `plugins.json`; a file that is not there means `standard`. */
export async function readPluginEntries(file: string, standard: readonly PluginEntryInput[]): Promise<PluginEntries> {
  const resolveFrom = dirname(resolve(file));
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      return { entries: standard.map((entry) => PluginEntry.parse(entry)), resolveFrom };
    throw new PurserError('invalid_request', { message: `${file}: ${(cause as Error).message}`, cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PurserError('invalid_request', { message: `${file} is not JSON: ${(cause as Error).message}`, cause });
  }
  const parsed = PluginsFile.safeParse(json);
  if (!parsed.success) throw invalidRequest(file, parsed.error);
  return { entries: parsed.data.plugins, resolveFrom };
}
