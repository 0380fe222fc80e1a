import { z } from 'zod';

export const OpenAiCostsConfig = z.strictObject({
  /**
   * Which environment variable holds the admin key. OPENAI_ADMIN_KEY when left out; but with a `baseUrl` that is not OpenAI's
   * its variable must be named here, so that an admin key never goes to somebody else's server.
   */
  adminKeyEnv: z
    .string()
    .regex(
      /^[A-Za-z_][A-Za-z0-9_]*$/,
      'the name of an environment variable, such as "OPENAI_ADMIN_KEY" (never the key itself)',
    )
    .optional(),
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'an http or https URL, such as "https://api.openai.com/v1"' })
    .default('https://api.openai.com/v1'),
  /** Of the ledger's providers, whose costs these are: the name of the `modelProvider` that calls OpenAI. */
  provider: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'a provider as the ledger names it, such as "openai"')
    .default('openai'),
  /** How often the costs are asked for. */
  everySeconds: z.int().min(60).default(900),
  /** Books without anything new for longer are stale; a weekend without use is not. */
  staleAfterSeconds: z.int().min(60).default(259_200),
});
export type OpenAiCostsConfig = z.output<typeof OpenAiCostsConfig>;
