import type { ChatBody } from './request.js';
import { imageUrl } from './prompt.js';

/** Parameters that cannot change what a call costs beyond its input and output tokens. */
const HARMLESS = new Set([
  'model',
  'messages',
  'stream',
  'stream_options',
  'max_tokens',
  'max_completion_tokens',
  'n',
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'stop',
  'seed',
  'presence_penalty',
  'frequency_penalty',
  'repetition_penalty',
  'logit_bias',
  'logprobs',
  'top_logprobs',
  'user',
  'safety_identifier',
  'prompt_cache_key',
  'metadata',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'functions',
  'function_call',
  'response_format',
  'reasoning_effort',
  'verbosity',
]);

/** Values of other parameters that ask for nothing that costs. A map, since clients may name `constructor`, too. */
const ASKS_NOTHING: ReadonlyMap<string, (value: unknown) => boolean> = new Map(
  Object.entries<(value: unknown) => boolean>({
    // Absent means "auto" at OpenAI, so saying it changes nothing.
    service_tier: (value) => value === 'auto' || value === 'default',
    store: (value) => value === false,
    modalities: (value) => Array.isArray(value) && value.every((one) => one === 'text'),
  }),
);

const PARTS = new Set<unknown>(['text', 'refusal', 'image_url']);

/**
 * The parameters of a request whose price cannot be told before the call, by name: other service tiers, hosted tools,
 * stored context, files and pictures that the provider fetches, audio; and whatever this gateway does not know.
 */
export function pricedParameters(body: ChatBody): string[] {
  const found: string[] = [];
  for (const name in body) {
    const value = body[name];
    if (value === null || value === undefined || HARMLESS.has(name) || ASKS_NOTHING.get(name)?.(value)) continue;
    found.push(name);
  }
  body.tools?.forEach(({ type }, index) => {
    if (type !== 'function') found.push(`tools[${index}].type`);
  });
  body.messages.forEach((message, index) => {
    // What most are: plain text.
    if (typeof message.content !== 'string' || 'audio' in message) found.push(...pricedContent(message, index));
  });
  return found;
}

function pricedContent(message: ChatBody['messages'][number], index: number): string[] {
  const where = `messages[${index}]`;
  // What an assistant said before: a reference to audio that is kept at the provider.
  const audio = message.audio === null || message.audio === undefined ? [] : [`${where}.audio`];
  if (!Array.isArray(message.content)) return audio;
  const parts = (message.content as ({ type?: unknown } | null)[]).flatMap((part, at) => {
    const url = imageUrl(part);
    if (url !== undefined && !url.startsWith('data:')) return [`${where}.content[${at}].image_url`];
    return PARTS.has(part?.type) ? [] : [`${where}.content[${at}].type`];
  });
  return [...audio, ...parts];
}
