import { z } from 'zod';

export const AnthropicCostsConfig = z.strictObject({
  /**
   * Which environment variable holds the admin key. ANTHROPIC_ADMIN_KEY when left out; but with a `baseUrl` that is not
   * Anthropic's its variable must be named here, so that an admin key never goes to somebody else's server.
   */
  adminKeyEnv: z
    .string()
    .regex(
      /^[A-Za-z_][A-Za-z0-9_]*$/,
      'the name of an environment variable, such as "ANTHROPIC_ADMIN_KEY" (never the key itself)',
    )
    .optional(),
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'an http or https URL, such as "https://api.anthropic.com"' })
    .default('https://api.anthropic.com'),
  /** Of the ledger's providers, whose costs these are: the name of the `modelProvider` that calls Anthropic. */
  provider: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/, 'a provider as the ledger names it, such as "anthropic"')
    .default('anthropic'),
  /** How often the costs are asked for; Anthropic supports once a minute and shows costs after about five. */
  everySeconds: z.int().min(60).default(900),
  /** Books without anything new for longer are stale; a weekend without use is not. */
  staleAfterSeconds: z.int().min(60).default(259_200),
});
export type AnthropicCostsConfig = z.output<typeof AnthropicCostsConfig>;
