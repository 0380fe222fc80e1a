import { z } from 'zod';

const variable = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]*$/,
    'the name of an environment variable, such as "OPENROUTER_API_KEY" (never the key itself)',
  );

export const OpenAiConfig = z.strictObject({
  /**
   * Which environment variable holds the key. OPENAI_API_KEY when left out; but with a `baseUrl` that is not OpenAI's no
   * key is sent unless its variable is named here, so that an OpenAI key never goes to somebody else's server.
   */
  apiKeyEnv: variable.optional(),
  /** Any server that speaks the protocol, with its path (`https://openrouter.ai/api/v1`). Else OPENAI_BASE_URL, else OpenAI's own. */
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'an http or https URL, such as "https://openrouter.ai/api/v1"' })
    .optional(),
  /**
   * The field that carries the output limit. Standard: `max_completion_tokens` for OpenAI and Azure, whose reasoning
   * models refuse the old name; `max_tokens` alone for all others. Every compatible server reads the old name, while
   * some (llama-cpp-python, llamafile) ignore the new one and would write without a limit, and strict ones (Mistral)
   * refuse a request that has it. Sending both is refused by OpenAI and by the strict ones.
   */
  outputLimitField: z.enum(['max_completion_tokens', 'max_tokens']).optional(),
  /** Off only for a server that refuses `stream_options` and tells its usage unasked; calls without usage cost their full hold. */
  requestStreamUsage: z.boolean().default(true),
  /**
   * `full` is the standard, also for OpenAI: it documents that a cancelled stream may come without its usage, and
   * nowhere that it stops billing. Set `delivered` for a provider that documents it for the model in question.
   */
  cancelledCallsBill: z.enum(['delivered', 'full']).default('full'),
  /**
   * Clients' protocols that this server speaks. Standard: both at OpenAI and Azure, chat completions alone elsewhere;
   * calls by the Responses API are then translated. Many others (vLLM, LM Studio, Groq, OpenRouter) have it too.
   */
  protocols: z
    .array(z.enum(['chat-completions', 'responses']))
    .refine(
      (named) => named.includes('chat-completions'),
      'at least "chat-completions", which every such server speaks',
    )
    .optional(),
  /**
   * The tier of service for calls that name none, at OpenAI itself. `default` is billed at the standard price; `auto` is
   * what the settings of the OpenAI project say, perhaps a dearer one, and holds are then taken at that one's price. It is
   * named only where a budget applies and the model's price has a dearer tier.
   */
  serviceTier: z.enum(['default', 'auto']).default('default'),
  /** Request parameters that this server cannot honour, such as `["logprobs", "n"]`. */
  unsupportedParameters: z.array(z.string().min(1)).max(100).default([]),
});
export type OpenAiConfig = z.output<typeof OpenAiConfig>;
