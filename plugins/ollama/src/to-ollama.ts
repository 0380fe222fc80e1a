import { type ChatMessage, type ChatRequest, ProviderError } from '@purser/plugin-sdk';
import type { ChatRequest as OllamaRequest, Message, Options, Tool, ToolCall } from 'ollama';
import type { OllamaConfig } from './config.js';

/** OpenAI parameters that Ollama's chat has nothing for. */
export const unsupportedParameters = [
  'audio',
  'function_call',
  'functions',
  'logit_bias',
  'logprobs',
  'modalities',
  'n',
  'parallel_tool_calls',
  'prediction',
  'tool_choice',
  'top_logprobs',
  'web_search_options',
] as const;

const cannot = (message: string) => new ProviderError('invalid_request', message, { mayBill: false });

interface Part {
  type?: unknown;
  text?: unknown;
  image_url?: { url?: unknown } | string;
}

function imageOf(part: Part): string {
  const url = typeof part.image_url === 'string' ? part.image_url : part.image_url?.url;
  const match = typeof url === 'string' ? /^data:[^,]*;base64,(.+)$/s.exec(url) : null;
  if (!match?.[1]) throw cannot('Ollama takes images only as data: URLs in base64; it does not fetch addresses');
  return match[1];
}

function contentOf(content: unknown): { content: string; images?: string[] } {
  if (typeof content === 'string') return { content };
  if (content === undefined || content === null) return { content: '' };
  if (!Array.isArray(content)) throw cannot('a message’s content must be text or a list of parts');
  const texts: string[] = [];
  const images: string[] = [];
  for (const part of content as Part[]) {
    if (part.type === 'text' && typeof part.text === 'string') texts.push(part.text);
    else if (part.type === 'image_url') images.push(imageOf(part));
    else throw cannot(`Ollama has no content parts of type "${String(part.type)}"`);
  }
  return { content: texts.join('\n'), ...(images.length > 0 ? { images } : {}) };
}

interface OpenAiToolCall {
  id?: string;
  function?: { name?: string; arguments?: string };
}

function toolCall(call: OpenAiToolCall): ToolCall {
  const name = call.function?.name ?? '';
  try {
    const text = call.function?.arguments;
    return { function: { name, arguments: text ? (JSON.parse(text) as Record<string, unknown>) : {} } };
  } catch (cause) {
    throw new ProviderError('invalid_request', `the arguments of the tool call "${name}" are not JSON`, {
      mayBill: false,
      cause,
    });
  }
}

function messages(list: readonly ChatMessage[]): Message[] {
  // OpenAI names the answered call by its id, Ollama the tool by its name.
  const tools = new Map<string, string>();
  return list.map((message) => {
    const calls = (message.tool_calls ?? []) as OpenAiToolCall[];
    for (const call of calls) if (call.id && call.function?.name) tools.set(call.id, call.function.name);
    // What it thought before a tool call is told to the model again, or it thinks anew.
    const thinking = message.reasoning_content ?? message.reasoning;
    const tool = typeof message.tool_call_id === 'string' ? tools.get(message.tool_call_id) : undefined;
    return {
      role: message.role === 'developer' ? 'system' : message.role,
      ...contentOf(message.content),
      ...(typeof thinking === 'string' && thinking !== '' ? { thinking } : {}),
      ...(calls.length > 0 ? { tool_calls: calls.map(toolCall) } : {}),
      ...(tool === undefined ? {} : { tool_name: tool }),
    };
  });
}

function format(value: unknown): OllamaRequest['format'] {
  const wanted = value as { type?: unknown; json_schema?: { schema?: object } } | undefined;
  if (wanted?.type === 'json_object') return 'json';
  if (wanted?.type === 'json_schema') return wanted.json_schema?.schema ?? 'json';
  return undefined;
}

const sampling = [
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'seed',
  'presence_penalty',
  'frequency_penalty',
  'repeat_penalty',
] as const;

/** A caller may add Ollama's own `options`; the output limit is not theirs to raise, since the hold was computed with it. */
function options(request: ChatRequest, config: OllamaConfig): Partial<Options> {
  const result: Partial<Options> = {
    ...(config.contextTokens === undefined ? {} : { num_ctx: config.contextTokens }),
    ...(request.options as Partial<Options> | undefined),
    num_predict: request.max_completion_tokens,
  };
  for (const name of sampling) {
    const value = request[name];
    if (typeof value === 'number') result[name] = value;
  }
  if (typeof request.stop === 'string') result.stop = [request.stop];
  else if (Array.isArray(request.stop)) result.stop = request.stop as string[];
  return result;
}

/** `none` turns thinking off; other efforts than Ollama's three are left to the model. */
function think(effort: unknown): OllamaRequest['think'] {
  if (effort === 'none') return false;
  return effort === 'low' || effort === 'medium' || effort === 'high' ? effort : undefined;
}

const defined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;

/** An OpenAI chat request in Ollama's terms. What has no meaning for a local model (`user`, `store`, ...) is left out. */
export function toOllama(request: ChatRequest, config: OllamaConfig): OllamaRequest & { messages: Message[] } {
  return defined({
    model: request.model,
    messages: messages(request.messages),
    tools: Array.isArray(request.tools) ? (request.tools as Tool[]) : undefined,
    format: format(request.response_format),
    think: think(request.reasoning_effort),
    keep_alive: (request.keep_alive as string | number | undefined) ?? config.keepAlive,
    options: options(request, config),
  });
}
