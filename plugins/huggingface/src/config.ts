import { z } from 'zod';

const variable = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]*$/,
    'the name of an environment variable, such as "HF_TOKEN" (never the token itself)',
  );

export const HuggingFaceConfig = z.strictObject({
  /**
   * Which environment variable holds the token. HF_TOKEN when left out; but with a `baseUrl` that is not Hugging Face's
   * no token is sent unless its variable is named here.
   */
  tokenEnv: variable.optional(),
  /** Else HF_BASE_URL, else https://router.huggingface.co. Without `/v1`. */
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'an http or https URL, such as "https://router.huggingface.co"' })
    .optional(),
  /** `baseUrl` is one server for one model: an Inference Endpoint, text-generation-inference, text-embeddings-inference. */
  dedicated: z.boolean().default(false),
  /**
   * `text-generation` is for models that continue a text and know no chat. Through the router they are served by
   * hf-inference alone; a second entry with this task may stand beside one for chat.
   */
  task: z.enum(['chat', 'text-generation']).default('chat'),
  /** The organization that calls are billed to; the token's owner when left out. */
  billTo: z.string().min(1).optional(),
  /** `full` is the standard: Hugging Face routes to many providers, and not all of them stop billing at a cancel. */
  cancelledCallsBill: z.enum(['delivered', 'full']).default('full'),
  /** Request parameters that the models in question cannot honour, beside those that nobody can here. */
  unsupportedParameters: z.array(z.string().min(1)).max(100).default([]),
});
export type HuggingFaceConfig = z.output<typeof HuggingFaceConfig>;
