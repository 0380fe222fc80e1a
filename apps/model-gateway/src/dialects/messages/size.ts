import type { PromptSize } from '@purser/money';
import type { LongTexts } from '../../bodies/long-texts.js';
import { allBlocks } from './blocks.js';
import type { MessagesBody } from './request.js';

/**
 * Tokens that Anthropic adds by itself and bills: a prompt of its own before tools (at most 530, for Claude 3 Opus), the
 * definition of each tool that it knows by its type (at most 735, for the use of a computer), the explanation of an
 * output format. From "Pricing" and "Tool use pricing and tokens" at platform.claude.com; the next power of two.
 */
const ADDED_TOKENS = 1_024;

/** How large the prompt can be at most: every byte that was sent may become prompt; pictures go by their own rule. */
export function promptSize(body: MessagesBody, bytes: number, longTexts: LongTexts): PromptSize {
  let images = 0;
  let imageBytes = 0;
  for (const { block } of allBlocks(body)) {
    if (block.type !== 'image') continue;
    images += 1;
    imageBytes += longTexts.lengthOf(block.source?.data ?? '');
  }
  const tools = body.tools ?? [];
  const known = tools.filter(({ type }) => type !== undefined && type !== null && type !== 'custom').length;
  const additions = known + (tools.length > 0 ? 1 : 0) + (body.output_config?.format ? 1 : 0);
  return {
    textBytes: bytes - imageBytes + additions * ADDED_TOKENS,
    messages: body.messages.length + (body.system === undefined ? 0 : 1),
    tools: tools.length,
    images,
  };
}
