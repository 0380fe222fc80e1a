import type { PromptSize } from '@purser/money';
import type { LongTexts } from '../../bodies/long-texts.js';
import type { ChatBody } from './request.js';

interface Part {
  type?: unknown;
  image_url?: { url?: unknown } | null;
}

export const imageUrl = (part: Part | null): string | undefined =>
  part?.type === 'image_url' && typeof part.image_url?.url === 'string' ? part.image_url.url : undefined;

/**
 * How large the prompt can be at most: every byte that was sent may become prompt (escapes and spaces only add some);
 * pictures go by their own rule.
 */
export function promptSize(body: ChatBody, bytes: number, longTexts: LongTexts): PromptSize {
  let images = 0;
  let imageBytes = 0;
  for (const { content } of body.messages) {
    if (!Array.isArray(content)) continue;
    for (const part of content as (Part | null)[]) {
      const url = imageUrl(part);
      if (url === undefined) continue;
      images += 1;
      // Characters, which are never more than the bytes that they were sent as.
      if (url.startsWith('data:')) imageBytes += longTexts.lengthOf(url);
    }
  }
  return {
    textBytes: bytes - imageBytes,
    messages: body.messages.length,
    tools: body.tools?.length ?? 0,
    images,
  };
}
