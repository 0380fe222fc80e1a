import { inputTokenBound } from '@purser/money';
import type { ChatBody } from './chat-request.js';

interface Part {
  type?: unknown;
  image_url?: { url?: unknown } | null;
}

export const imageUrl = (part: Part | null): string | undefined =>
  part?.type === 'image_url' && typeof part.image_url?.url === 'string' ? part.image_url.url : undefined;

/** Input tokens that the request can come to at most: every byte of it may become prompt; pictures go by their own rule. */
export function boundInput(body: ChatBody): number {
  let images = 0;
  let imageBytes = 0;
  for (const { content } of body.messages) {
    if (!Array.isArray(content)) continue;
    for (const part of content as (Part | null)[]) {
      const url = imageUrl(part);
      if (url === undefined) continue;
      images += 1;
      // Characters, which are never more than the bytes that they are in the text below.
      if (url.startsWith('data:')) imageBytes += url.length;
    }
  }
  return inputTokenBound({
    textBytes: Buffer.byteLength(JSON.stringify(body)) - imageBytes,
    messages: body.messages.length,
    tools: body.tools?.length ?? 0,
    images,
  });
}
