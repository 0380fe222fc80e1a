import { z } from 'zod';

export const OllamaConfig = z.strictObject({
  /** Address of the server; else OLLAMA_HOST, else http://127.0.0.1:11434. */
  host: z.string().min(1).optional(),
  /** Size of the context window in tokens. Ollama's own standard is small, and what does not fit is cut off silently. */
  contextTokens: z.number().int().min(512).optional(),
  /** How long the model stays in memory after a call, as Ollama writes it: `"30m"`, `"-1"` for ever. */
  keepAlive: z.string().min(1).optional(),
});
export type OllamaConfig = z.output<typeof OllamaConfig>;
