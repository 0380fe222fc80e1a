import type { ChatMessage } from '@purser/plugin-sdk';
import { blocksIn, type PlacedBlock } from './blocks.js';
import type { Block, Content, MessageParam, MessagesBody } from './request.js';

type Part = { type: 'text'; text: string } | { type: 'image_url'; image_url: { url: string } };

const textPart = (text: string): Part => ({ type: 'text', text });

/**
 * Thoughts of earlier turns. They are signed for the model that had them, and Anthropic itself leaves out those of another
 * model; what they led to stands in the turn.
 */
const isThought = ({ type }: Block): boolean => type === 'thinking' || type === 'redacted_thinking';

/** The text of a content that can be nothing else. */
function textIn(content: Content | null | undefined, where: string, lost: string[]): string[] {
  return [...blocksIn(content, where)].flatMap(({ block, where: at }) => {
    if (block.type === 'text') return [block.text ?? ''];
    lost.push(`${at}.type`);
    return [];
  });
}

export function systemMessage(content: MessagesBody['system'], where: string, lost: string[]): ChatMessage[] {
  const texts = textIn(content, where, lost);
  return texts.length === 0 ? [] : [{ role: 'system', content: texts.join('\n\n') }];
}

/** A picture, as an address or with its data; undefined when it is kept at Anthropic. */
function imagePart({ block: { source, transformations }, where }: PlacedBlock, lost: string[]): Part[] {
  // What becomes of a picture that is too large is for its provider to decide, unless that is to be an error.
  if ((transformations as { oversized_image?: unknown } | null | undefined)?.oversized_image === 'error')
    lost.push(`${where}.transformations`);
  if (source?.type === 'url' && source.url !== undefined)
    return [{ type: 'image_url', image_url: { url: source.url } }];
  if (source?.type === 'base64' && source.media_type !== undefined && source.data !== undefined)
    return [{ type: 'image_url', image_url: { url: `data:${source.media_type};base64,${source.data}` } }];
  lost.push(`${where}.source`);
  return [];
}

function part(placed: PlacedBlock, lost: string[]): Part[] {
  const { block, where } = placed;
  if (block.type === 'text') return [textPart(block.text ?? '')];
  if (block.type === 'image') return imagePart(placed, lost);
  lost.push(`${where}.type`);
  return [];
}

/** Results of tools are text in chat completions; their pictures follow in the user's own message. */
function toolResult({ block, where }: PlacedBlock, lost: string[]): { message: ChatMessage; pictures: Part[] } {
  const id = block.tool_use_id ?? '';
  const parts = [...blocksIn(block.content as Content | undefined, `${where}.content`)].flatMap((one) =>
    part(one, lost),
  );
  const pictures = parts.filter(({ type }) => type === 'image_url');
  const text = parts.flatMap((one) => (one.type === 'text' ? [one.text] : [])).join('\n');
  const said = text === '' && pictures.length > 0 ? 'See the picture that follows.' : text;
  return {
    // There is no flag for it.
    message: { role: 'tool', tool_call_id: id, content: block.is_error === true ? `Error: ${said}` : said },
    pictures: pictures.length === 0 ? [] : [textPart(`From the result of the tool call ${id}:`), ...pictures],
  };
}

function userMessages({ content }: MessageParam, where: string, lost: string[]): ChatMessage[] {
  const results: ChatMessage[] = [];
  const parts: Part[] = [];
  for (const placed of blocksIn(content, `${where}.content`)) {
    if (placed.block.type === 'tool_result') {
      const { message, pictures } = toolResult(placed, lost);
      results.push(message);
      parts.push(...pictures);
    } else parts.push(...part(placed, lost));
  }
  const [only, ...more] = parts;
  if (!only) return results;
  // Many servers take only plain text where there is nothing else.
  const said = more.length === 0 && only.type === 'text' ? only.text : parts;
  return [...results, { role: 'user', content: said }];
}

function toolCall({ block, where }: PlacedBlock, lost: string[]): object {
  const { id, name, input, caller, toolset_name: toolset } = block;
  const kind = (caller as { type?: unknown } | null | undefined)?.type ?? 'direct';
  if (kind !== 'direct') lost.push(`${where}.caller`);
  if (toolset !== undefined && toolset !== null) lost.push(`${where}.toolset_name`);
  return { id, type: 'function', function: { name, arguments: JSON.stringify(input ?? {}) } };
}

function assistantMessage({ content }: MessageParam, where: string, lost: string[]): ChatMessage[] {
  const texts: string[] = [];
  const calls: object[] = [];
  for (const placed of blocksIn(content, `${where}.content`)) {
    const { block, where: at } = placed;
    if (block.type === 'text') texts.push(block.text ?? '');
    else if (block.type === 'tool_use') calls.push(toolCall(placed, lost));
    else if (!isThought(block)) lost.push(`${at}.type`);
  }
  if (texts.length === 0 && calls.length === 0) return [];
  const said = texts.length === 0 ? null : texts.join('\n');
  return [{ role: 'assistant', content: said, ...(calls.length > 0 ? { tool_calls: calls } : {}) }];
}

export function toChatMessages(messages: readonly MessageParam[], lost: string[]): ChatMessage[] {
  // Claude goes on with a last turn of its own; a chat completion would answer it.
  if (messages.at(-1)?.role === 'assistant') lost.push(`messages[${messages.length - 1}].role`);
  return messages.flatMap((message, index) => {
    const where = `messages[${index}]`;
    if (message.role === 'user') return userMessages(message, where, lost);
    if (message.role === 'assistant') return assistantMessage(message, where, lost);
    return systemMessage(message.content, `${where}.content`, lost);
  });
}
