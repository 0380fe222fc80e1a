import { type PassThrough, ProviderError } from '@purser/plugin-sdk';
import { type MessageBody, toCount } from './to-messages.js';

export const COUNT = '/v1/messages/count_tokens';

const MOST_BYTES = 64 * 1024;

/** Counts what a client wrote, over a way that leads to the endpoint for that. */
export const passThroughCounting = (way: PassThrough): NonNullable<PassThrough['counting']> => ({
  reduce: (body) => toCount(body as MessageBody) as unknown as Record<string, unknown>,
  async count({ body, headers }, options) {
    const answer = await way.send({ body, headers, streaming: false }, options);
    const parts: Uint8Array[] = [];
    let bytes = 0;
    for await (const part of answer.body) {
      parts.push(part);
      if ((bytes += part.length) > MOST_BYTES) break;
    }
    const tokens = inputTokens(Buffer.concat(parts).toString());
    if (tokens !== undefined) return tokens;
    throw new ProviderError('unknown', 'the answer is no count of tokens', { mayBill: false });
  },
});

function inputTokens(text: string): number | undefined {
  try {
    const { input_tokens: tokens } = (JSON.parse(text) ?? {}) as { input_tokens?: unknown };
    return Number.isSafeInteger(tokens) && (tokens as number) >= 0 ? (tokens as number) : undefined;
  } catch {
    return undefined;
  }
}
