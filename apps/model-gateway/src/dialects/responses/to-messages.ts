import type { ChatMessage } from '@purser/plugin-sdk';
import { imageUrl, type InputPart, itemsOf, partsField, partsOf, typeOf } from './input.js';
import type { InputItem, ResponsesBody } from './request.js';

/** Instructions of a developer go as the system's: OpenAI takes one for the other, and other servers know only one. */
const roleOf = (role: unknown): string => (role === 'developer' ? 'system' : String(role));

interface ToolCall {
  id: unknown;
  type: 'function';
  function: { name: unknown; arguments: unknown };
}

/**
 * The items of a request as messages of a chat.
 *
 * Reasoning of earlier turns is left out: it is no part of what was said, its encrypted form can be read by nobody but
 * the one who wrote it, and chat completions have no place for it. Every other item that has no counterpart is lost.
 */
export function toMessages(body: ResponsesBody): { messages: ChatMessage[]; lost: string[] } {
  const messages: ChatMessage[] = body.instructions ? [{ role: 'system', content: body.instructions }] : [];
  const lost: string[] = [];
  for (const [index, item] of itemsOf(body).entries()) {
    const where = `input[${index}]`;
    const type = typeOf(item);
    if (type === 'message') messages.push({ role: roleOf(item.role), content: contentOf(item, where, lost) });
    else if (type === 'function_call') addCall(messages, item);
    else if (type === 'function_call_output')
      messages.push({ role: 'tool', tool_call_id: item.call_id, content: contentOf(item, where, lost) });
    else if (type !== 'reasoning') lost.push(`${where}.type`);
  }
  return { messages, lost };
}

/** Calls belong to the message that they were made with, or to one of their own. */
function addCall(messages: ChatMessage[], { call_id: id, name, arguments: given }: InputItem): void {
  const call: ToolCall = { id, type: 'function', function: { name, arguments: given } };
  const last = messages.at(-1);
  if (last?.role === 'assistant') last.tool_calls = [...((last.tool_calls as ToolCall[] | undefined) ?? []), call];
  else messages.push({ role: 'assistant', content: null, tool_calls: [call] });
}

function contentOf(item: InputItem, where: string, lost: string[]): unknown {
  const field = partsField(item);
  if (!Array.isArray(item[field])) return item[field];
  const parts = partsOf(item).map((part, at) => toPart(part, `${where}.${field}[${at}]`, field === 'output', lost));
  const texts = parts.map((part) => (part?.type === 'text' ? part.text : undefined));
  // Many servers know content of several parts only where there are pictures.
  if (texts.every((text) => typeof text === 'string') && (texts.length === 1 || item.role === 'assistant'))
    return texts.join('');
  return parts.filter((part) => part !== undefined);
}

function toPart(part: InputPart, where: string, ofTool: boolean, lost: string[]): Record<string, unknown> | undefined {
  if (part.type === 'input_text' || part.type === 'output_text' || part.type === 'text')
    return { type: 'text', text: part.text };
  if (part.type === 'refusal') return { type: 'refusal', refusal: part.refusal };
  const url = imageUrl(part);
  // What tools put out is text alone in a chat.
  if (url === undefined || ofTool) {
    lost.push(part.type === 'input_image' && !ofTool ? `${where}.file_id` : `${where}.type`);
    return undefined;
  }
  const { detail } = part;
  if (detail === undefined || detail === null || detail === 'auto') return { type: 'image_url', image_url: { url } };
  if (detail !== 'low' && detail !== 'high') lost.push(`${where}.detail`);
  return { type: 'image_url', image_url: { url, detail } };
}
