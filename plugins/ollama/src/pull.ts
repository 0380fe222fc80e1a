import { ProviderError, type PullProgress } from '@purser/plugin-sdk';
import type { Ollama } from 'ollama';
import { lineOfError } from './failure.js';

/** Fetches a model to the server's machine. Nothing of it is billed. */
export async function* pull(client: Ollama, model: string): AsyncIterable<PullProgress> {
  try {
    for await (const { status, completed, total } of await client.pull({ model, stream: true }))
      yield {
        status,
        ...(completed === undefined ? {} : { completedBytes: completed }),
        ...(total === undefined ? {} : { totalBytes: total }),
      };
  } catch (error) {
    const told = lineOfError(error);
    if (told === undefined) throw error;
    const unknown = /file does not exist|not found/.test(told);
    const message = unknown ? `Ollama knows no model "${model}"; see https://ollama.com/search (${told})` : told;
    throw new ProviderError(unknown ? 'invalid_request' : 'unknown', message, { mayBill: false, cause: error });
  }
}
