import type Anthropic from '@anthropic-ai/sdk';
import type { ChatRequest } from '@purser/plugin-sdk';
import { cannot, conversation } from './content.js';
import { type Abilities, reasoning } from './reasoning.js';

/** OpenAI parameters that Anthropic's messages have nothing for; `service_tier` beyond `auto` and `default`. */
export const unsupportedParameters = [
  'audio',
  'frequency_penalty',
  'function_call',
  'functions',
  'logit_bias',
  'logprobs',
  'min_p',
  'modalities',
  'n',
  'prediction',
  'presence_penalty',
  'repetition_penalty',
  'seed',
  'service_tier',
  'store',
  'top_logprobs',
  'verbosity',
  'web_search_options',
] as const;

/** Translated below, or without effect on an answer: names of end users, and keys of OpenAI's own cache. */
const translated = new Set<string>([
  ...unsupportedParameters,
  'max_completion_tokens',
  'max_tokens',
  'messages',
  'metadata',
  'model',
  'parallel_tool_calls',
  'prompt_cache_key',
  'prompt_cache_retention',
  'reasoning_effort',
  'response_format',
  'safety_identifier',
  'stop',
  'stream',
  'stream_options',
  'temperature',
  'tool_choice',
  'tools',
  'user',
]);

/** The types know the version of 2026-10-21 alone, which has no sampling parameters. */
export type MessageBody = Omit<Anthropic.MessageCreateParamsNonStreaming, 'stream'> & {
  temperature?: number;
  [parameter: string]: unknown;
};

interface OpenAiTool {
  type?: unknown;
  function?: { name?: string; description?: string; parameters?: object | null; strict?: boolean | null };
}

function tool({ type, function: given }: OpenAiTool): Anthropic.Tool {
  if (type !== 'function' || !given?.name) throw cannot(`Anthropic has no tools of type "${String(type)}"`);
  return {
    name: given.name,
    ...(given.description ? { description: given.description } : {}),
    input_schema: { ...(given.parameters ?? { properties: {} }), type: 'object' },
    ...(given.strict ? { strict: true } : {}),
  };
}

const simpleChoices: Readonly<Record<string, Anthropic.ToolChoice>> = {
  auto: { type: 'auto' },
  none: { type: 'none' },
  required: { type: 'any' },
};

function toolChoice({
  tool_choice: given,
  parallel_tool_calls: parallel,
}: ChatRequest): Anthropic.ToolChoice | undefined {
  const oneByOne = parallel === false ? { disable_parallel_tool_use: true } : {};
  if (given === undefined || given === null) return parallel === false ? { type: 'auto', ...oneByOne } : undefined;
  const simple = typeof given === 'string' ? simpleChoices[given] : undefined;
  if (simple) return simple.type === 'none' ? simple : { ...simple, ...oneByOne };
  const { type, function: named } = given as { type?: unknown; function?: { name?: unknown } };
  if (type === 'function' && typeof named?.name === 'string') return { type: 'tool', name: named.name, ...oneByOne };
  throw cannot('Anthropic’s tool_choice is auto, none, required, or one function');
}

function outputFormat(value: unknown): Anthropic.JSONOutputFormat | undefined {
  const wanted = value as { type?: unknown; json_schema?: { schema?: Record<string, unknown> } } | null | undefined;
  if (!wanted || wanted.type === 'text') return undefined;
  if (wanted.type === 'json_schema' && wanted.json_schema?.schema)
    return { type: 'json_schema', schema: wanted.json_schema.schema };
  throw cannot('Anthropic’s response_format is text, or json_schema with a schema');
}

function userId({ metadata, safety_identifier: identifier }: ChatRequest): string | undefined {
  const named = (metadata as { user_id?: unknown } | null | undefined)?.user_id ?? identifier;
  return typeof named === 'string' ? named : undefined;
}

function stopSequences(stop: unknown): string[] | undefined {
  if (typeof stop === 'string') return [stop];
  return Array.isArray(stop) && stop.length > 0 ? (stop as string[]) : undefined;
}

/** OpenAI's goes up to 2; Anthropic's own OpenAI endpoint takes what is above 1 as 1. */
const temperature = (value: unknown): number | undefined =>
  typeof value === 'number' ? Math.min(value, 1) : undefined;

const serviceTiers: Readonly<Record<string, 'auto' | 'standard_only'>> = { auto: 'auto', default: 'standard_only' };

const defined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined && field !== null)) as T;

/**
 * An OpenAI chat request in Anthropic's terms. Parameters that are none of OpenAI's (`top_k`, `thinking`, ...) go along
 * as they are: Anthropic names those that it does not know, too.
 */
export function toMessages(request: ChatRequest, able?: Abilities): MessageBody {
  const { system, messages, afterTools } = conversation(request.messages);
  const tools = Array.isArray(request.tools) ? (request.tools as OpenAiTool[]).map(tool) : [];
  const choice = tools.length > 0 ? toolChoice(request) : undefined;
  const toolForced = choice?.type === 'any' || choice?.type === 'tool';
  const outputLimit = request.max_completion_tokens;
  const { effort, thinking } = reasoning(request.reasoning_effort, { outputLimit, toolForced, afterTools }, able);
  const format = outputFormat(request.response_format);
  const user = userId(request);
  const body: MessageBody = defined({
    model: request.model,
    max_tokens: outputLimit,
    messages,
    system,
    tools: tools.length > 0 ? tools : undefined,
    tool_choice: choice,
    stop_sequences: stopSequences(request.stop),
    temperature: temperature(request.temperature),
    thinking,
    output_config: effort || format ? defined({ effort, format }) : undefined,
    metadata: user === undefined ? undefined : { user_id: user },
    service_tier: serviceTiers[String(request.service_tier)],
  });
  const own = defined(Object.fromEntries(Object.entries(request).filter(([name]) => !translated.has(name))));
  const twice = Object.keys(own).find((name) => name in body);
  if (twice !== undefined) throw cannot(`"${twice}" is asked for in Anthropic’s terms and in OpenAI’s`);
  return { ...body, ...own };
}

const counted = ['model', 'messages', 'system', 'tools', 'tool_choice', 'thinking', 'output_config', 'cache_control'];

/** The part of a request that its count of input tokens depends on. */
export const toCount = (body: MessageBody): Anthropic.MessageCountTokensParams =>
  Object.fromEntries(
    Object.entries(body).filter(([name]) => counted.includes(name)),
  ) as unknown as Anthropic.MessageCountTokensParams;
