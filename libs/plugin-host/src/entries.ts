import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { invalidRequest, PurserError, Token } from '@purser/contracts';
import { z } from 'zod';

const count = z.number().int().positive();

/** How much of a model provider one gateway uses. */
export const ProviderLimits = z.strictObject({
  concurrency: count.optional().describe('Calls at once'),
  requestsPerMinute: count.optional(),
  tokensPerMinute: count.optional().describe('Input and output together'),
  waitMs: z
    .number()
    .int()
    .min(0)
    .max(10_000)
    .default(500)
    .describe('How long a call waits for room before the next tier is asked'),
});
export type ProviderLimits = z.output<typeof ProviderLimits>;

/** How often a call asks a model provider that failed at no cost, before the next tier is asked. */
export const RetryPolicy = z.strictObject({
  attempts: z.number().int().min(1).max(10).default(2).describe('The first one included'),
  firstMs: z.number().int().min(0).max(10_000).default(200).describe('Longest wait after the first; doubles with each'),
  mostMs: z.number().int().min(0).max(10_000).default(2_000).describe('Longest wait of one call in all'),
});
export type RetryPolicy = z.output<typeof RetryPolicy>;

/** How a cost source's amounts count; ADR 0015 has the reasoning. */
export const BooksCount = z.enum(['auto', 'add', 'reconcile']);
export type BooksCount = z.output<typeof BooksCount>;

export const PluginEntry = z.strictObject({
  /** A package's name, or a path (beginning with "." or "/") relative to the configuration file. */
  use: z.string().min(1, 'a package name such as "@purser/openai", or a path such as "./my-plugin.mjs"'),
  /** What ladders and task specs call it; the plugin's own name when left out. One package may be used under several. */
  name: Token.optional(),
  /** Checked against the plugin's own schema. */
  config: z.record(z.string(), z.unknown()).default({}),
  limits: ProviderLimits.optional().describe('Of a model provider, for each gateway; none when left out'),
  retry: RetryPolicy.optional().describe('Of a model provider; one repetition within two seconds when left out'),
  books: BooksCount.optional().describe(
    'Of a cost source: `add` counts its amounts in the ledger and in budgets, `reconcile` compares them with what was metered; `auto`, the standard, compares from the day on of the first metered call of that provider',
  ),
  meteredServices: z
    .array(z.string().min(1))
    .max(100)
    .optional()
    .describe(
      "Of a cost source: services of its books that the gateway meters under another provider's name, such as Cloud Speech-to-Text; they are kept and not counted",
    ),
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
