import { imageUrl, type InputPart, isOwnReasoning, itemsOf, partsField, partsOf, typeOf } from './input.js';
import type { InputItem, ResponsesBody } from './request.js';

/**
 * Parameters that cannot change what a call costs beyond its input and output tokens. `store` is among them: keeping an
 * answer costs nothing; what costs is to have it read again, by `previous_response_id`.
 */
const HARMLESS = new Set([
  'model',
  'input',
  'instructions',
  'stream',
  'stream_options',
  'max_output_tokens',
  'max_tool_calls',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'text',
  'temperature',
  'top_p',
  'top_logprobs',
  'include',
  'truncation',
  'store',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'metadata',
]);

/** Values of other parameters that ask for nothing that costs. */
const ASKS_NOTHING: Readonly<Record<string, (value: unknown) => boolean>> = {
  // Absent means "auto" at OpenAI, so saying it changes nothing.
  service_tier: (value) => value === 'auto' || value === 'default',
  background: (value) => value === false,
  context_management: (value) => Array.isArray(value) && value.length === 0,
  // Modes other than the standard one think several times over.
  reasoning: (value) => [undefined, null, 'standard'].includes((value as { mode?: string | null }).mode),
};

/** Tools that the client itself runs, and that stand in the request whole. */
const OWN_TOOLS = new Set(['function', 'custom']);
const OWN_ITEMS = new Set([
  'message',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
]);
const PARTS = new Set(['input_text', 'output_text', 'text', 'refusal', 'input_image']);

/**
 * The parameters of a request whose price cannot be told before the call, by name: other service tiers, hosted tools,
 * context that the provider keeps, files and pictures that it fetches; and whatever this gateway does not know.
 */
export function pricedParameters(body: ResponsesBody): string[] {
  const named = Object.entries(body)
    .filter(([name, value]) => value !== null && value !== undefined && !HARMLESS.has(name))
    .filter(([name, value]) => !ASKS_NOTHING[name]?.(value))
    .map(([name]) => name);
  const tools = (body.tools ?? []).flatMap(({ type }, index) => (OWN_TOOLS.has(type) ? [] : [`tools[${index}].type`]));
  return [...named, ...tools, ...itemsOf(body).flatMap(pricedItem)];
}

function pricedItem(item: InputItem, index: number): string[] {
  const where = `input[${index}]`;
  const type = typeOf(item);
  if (type === 'reasoning') return carriesReasoning(item) ? [] : [`${where}.encrypted_content`];
  if (!OWN_ITEMS.has(type)) return [`${where}.type`];
  return partsOf(item).flatMap((part, at) => pricedPart(part, `${where}.${partsField(item)}[${at}]`));
}

/** Without its content a reasoning item is a reference to what the provider keeps, of a size that nobody here knows. */
const carriesReasoning = (item: InputItem): boolean =>
  isOwnReasoning(item) || (typeof item.encrypted_content === 'string' && item.encrypted_content !== '');

function pricedPart(part: InputPart, where: string): string[] {
  if (!PARTS.has(String(part.type))) return [`${where}.type`];
  if (part.type !== 'input_image') return [];
  const url = imageUrl(part);
  if (url === undefined) return [`${where}.file_id`];
  return url.startsWith('data:') ? [] : [`${where}.image_url`];
}
