import type { ChatCall } from '../dialect.js';
import { allBlocks } from './blocks.js';
import { type Block, bodyOf } from './request.js';

/** "A token approximately represents 3.5 English characters", says Anthropic's glossary. */
const BYTES_PER_TOKEN = 3.5;
/** Of a picture that Claude need not make smaller ("Vision" at platform.claude.com). */
const TOKENS_PER_IMAGE = 1_600;
const TOKENS_PER_MESSAGE = 4;
/** Of the prompt that Anthropic puts before tools. */
const TOKENS_OF_TOOL_USE = 346;

/** About how many tokens the prompt has. Not a bound: no hold is taken by it. */
export function estimateInputTokens(call: ChatCall): number {
  const { messages, tools, ...body } = bodyOf(call);
  let tokens = messages.length * TOKENS_PER_MESSAGE;
  let bytes = 0;
  if (tools && tools.length > 0) {
    tokens += TOKENS_OF_TOOL_USE;
    bytes += textBytes(call, JSON.stringify(tools));
  }
  for (const { block } of allBlocks({ ...body, messages })) {
    if (block.type === 'image') tokens += TOKENS_PER_IMAGE;
    else if (!hasParts(block)) bytes += textBytes(call, block.text ?? JSON.stringify(block.input ?? block));
  }
  return tokens + Math.ceil(bytes / BYTES_PER_TOKEN);
}

/** Its parts are blocks themselves. */
const hasParts = ({ type, source }: Block): boolean => type === 'tool_result' || Array.isArray(source?.content);

/** With what was set aside of it. */
const textBytes = ({ longTexts }: ChatCall, text: string): number =>
  Buffer.byteLength(text) - text.length + longTexts.lengthOf(text);
