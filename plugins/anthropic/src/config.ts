import { z } from 'zod';

const variable = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]*$/,
    'the name of an environment variable, such as "ANTHROPIC_API_KEY" (never the key itself)',
  );

export const AnthropicConfig = z.strictObject({
  /**
   * Which environment variable holds the key. ANTHROPIC_API_KEY when left out; but with a `baseUrl` that is not
   * Anthropic's no key is sent unless its variable is named here, so that an Anthropic key never goes to somebody else's
   * server.
   */
  apiKeyEnv: variable.optional(),
  /** Any server that speaks the protocol, without `/v1/messages`. Else ANTHROPIC_BASE_URL, else Anthropic's own. */
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'an http or https URL, such as "https://api.anthropic.com"' })
    .optional(),
  /**
   * `full` is the standard: Anthropic documents that a cancelled stream ends without its usage, and nowhere that it
   * stops billing then. Set `delivered` for a server that documents it.
   */
  cancelledCallsBill: z.enum(['delivered', 'full']).default('full'),
  /**
   * Whether holds may be taken by what this server counts, where small budgets need that. Standard: at Anthropic's own
   * hosts alone; some compatible servers estimate, and would be billed for more than was held.
   */
  holdByCount: z.boolean().optional(),
  /**
   * Further request parameters that these models cannot honour. Claude 4.7 and later take no other `temperature`,
   * `top_p` and `top_k` than their standard ones and refuse calls that bring some; named here, a call that does passes
   * the tier over instead.
   */
  unsupportedParameters: z.array(z.string().min(1)).max(100).default([]),
});
export type AnthropicConfig = z.output<typeof AnthropicConfig>;
