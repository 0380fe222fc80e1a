import type { PromptSize } from '@purser/money';
import type { LongTexts } from '../../bodies/long-texts.js';
import type { InputItem, ResponsesBody } from './request.js';

/** A part of a message's content, or of what a tool put out. */
export interface InputPart {
  type?: unknown;
  text?: unknown;
  refusal?: unknown;
  image_url?: unknown;
  file_id?: unknown;
  detail?: unknown;
}

/** The items of a request; a text alone is a message of the user. */
export function itemsOf({ input }: Pick<ResponsesBody, 'input'>): InputItem[] {
  if (typeof input === 'string') return [{ type: 'message', role: 'user', content: input }];
  return input ?? [];
}

/** Messages may leave their type out, and so may references, which have nothing but an id. */
export const typeOf = ({ type, role }: InputItem): string =>
  type ?? (role === undefined || role === null ? 'item_reference' : 'message');

/** Where an item has parts: messages in their content, outputs of tools in their output. */
export const partsField = (item: InputItem): 'content' | 'output' =>
  typeOf(item).endsWith('_output') ? 'output' : 'content';

export function partsOf(item: InputItem): InputPart[] {
  const parts = item[partsField(item)];
  return Array.isArray(parts) ? parts.map((part) => (part ?? {}) as InputPart) : [];
}

export const imageUrl = ({ type, image_url: url }: InputPart): string | undefined =>
  type === 'input_image' && typeof url === 'string' ? url : undefined;

/**
 * Reasoning that this gateway told of another protocol's model. It is text for the client to see: OpenAI would look for
 * it among the items that it stores, and refuse the call.
 */
const OWN_REASONING = 'rs_purser_';
export const ownReasoningId = (rest: string): string => OWN_REASONING + rest;
export const isOwnReasoning = (item: InputItem): boolean =>
  typeOf(item) === 'reasoning' && typeof item.id === 'string' && item.id.startsWith(OWN_REASONING);

/**
 * How large the prompt can be at most: every byte that was sent may become prompt (escapes and spaces only add some);
 * pictures go by their own rule.
 */
export function promptSize(body: ResponsesBody, bytes: number, longTexts: LongTexts): PromptSize {
  const items = itemsOf(body);
  let images = 0;
  let imageBytes = 0;
  for (const part of items.flatMap(partsOf)) {
    if (part.type !== 'input_image') continue;
    images += 1;
    const url = imageUrl(part);
    // Characters, which are never more than the bytes that they were sent as.
    if (url?.startsWith('data:')) imageBytes += longTexts.lengthOf(url);
  }
  return {
    textBytes: bytes - imageBytes,
    messages: items.length + (body.instructions ? 1 : 0),
    tools: body.tools?.length ?? 0,
    images,
  };
}
