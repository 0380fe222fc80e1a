import type Anthropic from '@anthropic-ai/sdk';
import { type ChatMessage, ProviderError } from '@purser/plugin-sdk';

export const cannot = (message: string, cause?: unknown): ProviderError =>
  new ProviderError('invalid_request', message, { mayBill: false, cause });

interface Part {
  type?: unknown;
  text?: unknown;
  refusal?: unknown;
  image_url?: { url?: unknown } | string;
}

type PlainBlock = Anthropic.TextBlockParam | Anthropic.ImageBlockParam;

function imageBlock({ image_url: image }: Part): Anthropic.ImageBlockParam {
  const url = typeof image === 'string' ? image : image?.url;
  if (typeof url !== 'string') throw cannot('an image part has no image_url');
  if (/^https?:/i.test(url)) return { type: 'image', source: { type: 'url', url } };
  const match = /^data:([^;,]+)(?:;[^;,]+)*;base64,(.+)$/s.exec(url);
  if (!match?.[1] || !match[2])
    throw cannot('Anthropic takes images as http and https addresses, or as data: URLs in base64');
  const media_type = match[1].toLowerCase() as Anthropic.Base64ImageSource['media_type'];
  return { type: 'image', source: { type: 'base64', media_type, data: match[2] } };
}

/** Anthropic refuses blocks of text that are empty. */
const textBlocks = (text: string): Anthropic.TextBlockParam[] => (text === '' ? [] : [{ type: 'text', text }]);

/** Marks for Anthropic's cache (`cache_control`) are left out: a hold is computed without what writing it costs. */
function blocks(content: unknown): PlainBlock[] {
  if (typeof content === 'string') return textBlocks(content);
  if (content === undefined || content === null) return [];
  if (!Array.isArray(content)) throw cannot('a message’s content must be text or a list of parts');
  return (content as Part[]).flatMap((part): PlainBlock[] => {
    if (part.type === 'text' && typeof part.text === 'string') return textBlocks(part.text);
    if (part.type === 'refusal' && typeof part.refusal === 'string') return textBlocks(part.refusal);
    if (part.type === 'image_url') return [imageBlock(part)];
    throw cannot(`Anthropic’s messages have no content parts of type "${String(part.type)}"`);
  });
}

/** Other providers' ids may hold characters that Anthropic refuses. */
const toolId = (id: unknown): string => String(id).replaceAll(/[^a-zA-Z0-9_-]/g, '_');

interface ToolCall {
  id?: unknown;
  type?: unknown;
  function?: { name?: string; arguments?: string };
}

function toolUse({ id, type = 'function', function: called }: ToolCall): Anthropic.ToolUseBlockParam {
  const name = called?.name ?? '';
  if (type !== 'function') throw cannot(`Anthropic has no tool calls of type "${String(type)}"`);
  try {
    return { type: 'tool_use', id: toolId(id), name, input: JSON.parse(called?.arguments || '{}') as object };
  } catch (cause) {
    throw cannot(`the arguments of the tool call "${name}" are not JSON`, cause);
  }
}

function toolResult(message: ChatMessage): Anthropic.ToolResultBlockParam {
  const id = toolId(message.tool_call_id);
  const { content } = message;
  return { type: 'tool_result', tool_use_id: id, content: typeof content === 'string' ? content : blocks(content) };
}

const systemText = ({ content }: ChatMessage): string =>
  blocks(content)
    .map((block) => {
      if (block.type === 'text') return block.text;
      throw cannot('a system message holds text alone');
    })
    .join('\n');

const isSystem = ({ role }: ChatMessage) => role === 'system' || role === 'developer';

function turn(message: ChatMessage): Anthropic.MessageParam {
  const { role, content, tool_calls: calls } = message;
  if (role === 'user') return { role, content: typeof content === 'string' ? content : blocks(content) };
  if (role === 'tool') return { role: 'user', content: [toolResult(message)] };
  if (role !== 'assistant') throw cannot(`Anthropic’s messages have no role "${role}"`);
  const said = blocks(content ?? message.refusal);
  return { role, content: [...said, ...(Array.isArray(calls) ? (calls as ToolCall[]).map(toolUse) : [])] };
}

export interface Conversation {
  system: string | undefined;
  messages: Anthropic.MessageParam[];
  /** It ends with tool results. */
  afterTools: boolean;
}

/**
 * OpenAI's messages in Anthropic's terms. All instructions go to the front, as Anthropic's own OpenAI endpoint does it:
 * not every model takes some in between. The results of tools that were called together are one turn.
 */
export function conversation(list: readonly ChatMessage[]): Conversation {
  const system = list
    .filter(isSystem)
    .map(systemText)
    .filter((text) => text !== '');
  const messages: Anthropic.MessageParam[] = [];
  let afterTools = false;
  for (const message of list.filter((one) => !isSystem(one))) {
    const next = turn(message);
    const last = messages.at(-1);
    if (message.role === 'tool' && afterTools && last && Array.isArray(last.content) && Array.isArray(next.content))
      last.content.push(...(next.content as never[]));
    // An assistant that said nothing at all.
    else if (next.role !== 'assistant' || next.content.length > 0) messages.push(next);
    afterTools = message.role === 'tool';
  }
  return { system: system.length > 0 ? system.join('\n\n') : undefined, messages, afterTools };
}
