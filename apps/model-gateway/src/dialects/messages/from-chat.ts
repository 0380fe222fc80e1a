import { randomUUID } from 'node:crypto';
import { readChatUsage, type Usage } from '@purser/plugin-sdk';
import type { ChatCall } from '../dialect.js';
import { writeUsage } from './figures.js';
import { bodyOf } from './request.js';
import { UNSIGNED } from './thoughts.js';

export interface ChatToolCall {
  index?: unknown;
  id?: unknown;
  function?: { name?: unknown; arguments?: unknown } | null;
}

/** A message of a chat completion, or a piece of one in a stream. */
export interface ChatSaid {
  content?: unknown;
  refusal?: unknown;
  reasoning?: unknown;
  reasoning_content?: unknown;
  tool_calls?: ChatToolCall[] | null;
}

export interface ChatChoice {
  index?: unknown;
  message?: ChatSaid | null;
  delta?: ChatSaid | null;
  finish_reason?: unknown;
  /** vLLM's and others': which text stopped the answer. */
  stop_reason?: unknown;
}

export interface ChatTold {
  id?: unknown;
  model?: unknown;
  choices?: ChatChoice[] | null;
  usage?: unknown;
  service_tier?: unknown;
}

export const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export const thoughtOf = ({ reasoning_content: content, reasoning }: ChatSaid): string =>
  text(content) || text(reasoning);

/** Whether the client expects thoughts in the answer. */
export function wantsThoughts(call: ChatCall): boolean {
  const { thinking } = bodyOf(call);
  return thinking !== undefined && thinking !== null && thinking.type !== 'disabled' && thinking.display !== 'omitted';
}

export const messageId = (id: unknown): string =>
  `msg_${text(id).replace(/^chatcmpl-/, '') || randomUUID().replaceAll('-', '')}`;

/** Anthropic takes back only ids of these characters, and a later turn may go to it. */
export const toolUseId = (id: unknown): string =>
  text(id).replaceAll(/[^A-Za-z0-9_-]/g, '_') || `toolu_${randomUUID().replaceAll('-', '')}`;

/** Input must be an object; what a model wrote instead goes by the name that Anthropic gives it. */
export function toolInput(json: unknown): Record<string, unknown> {
  const written = text(json);
  if (written.trim() === '') return {};
  try {
    const input: unknown = JSON.parse(written);
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Record<string, unknown>;
  } catch {
    // As below.
  }
  return { INVALID_JSON: written };
}

const STOP_REASONS: Readonly<Record<string, string>> = {
  length: 'max_tokens',
  tool_calls: 'tool_use',
  function_call: 'tool_use',
  content_filter: 'refusal',
};

interface Stop {
  stop_reason: string;
  stop_sequence: string | null;
  stop_details: object | null;
}

/** Chat completions do not tell a stop sequence from an end, but for some servers. */
export function stopOf(
  call: ChatCall,
  choice: ChatChoice,
  { tools, refusal }: { tools: boolean; refusal: string },
): Stop {
  const { finish_reason: finish, stop_reason: stopped } = choice;
  if (refusal !== '')
    return {
      stop_reason: 'refusal',
      stop_sequence: null,
      stop_details: { type: 'refusal', category: null, explanation: refusal },
    };
  if (finish === 'stop' && bodyOf(call).stop_sequences?.some((sequence) => sequence === stopped))
    return { stop_reason: 'stop_sequence', stop_sequence: text(stopped), stop_details: null };
  // Some servers say "stop" also after calls of tools.
  const reason = STOP_REASONS[text(finish)] ?? (tools ? 'tool_use' : 'end_turn');
  return { stop_reason: reason, stop_sequence: null, stop_details: null };
}

export const messageOf = (told: ChatTold, call: ChatCall, usage: Usage | undefined, rest: object) => ({
  id: messageId(told.id),
  type: 'message',
  role: 'assistant',
  model: text(told.model) || call.model,
  ...rest,
  usage: { ...writeUsage(usage), cache_creation: null, service_tier: null, inference_geo: null, speed: null },
});

/** A chat completion as a message. */
export function fromChat(completion: ChatTold, call: ChatCall): Record<string, unknown> {
  const choice = completion.choices?.[0] ?? {};
  const said = choice.message ?? {};
  const calls = said.tool_calls ?? [];
  const refusal = text(said.refusal);
  const thought = wantsThoughts(call) ? thoughtOf(said) : '';
  const content = [
    ...(thought === '' ? [] : [{ type: 'thinking', thinking: thought, signature: UNSIGNED }]),
    ...[text(said.content), refusal].flatMap((one) =>
      one === '' ? [] : [{ type: 'text', text: one, citations: null }],
    ),
    ...calls.map((tool) => ({
      type: 'tool_use',
      id: toolUseId(tool.id),
      name: text(tool.function?.name),
      input: toolInput(tool.function?.arguments),
    })),
  ];
  const usage = readChatUsage(completion.usage, completion.service_tier);
  return messageOf(completion, call, usage, { content, ...stopOf(call, choice, { tools: calls.length > 0, refusal }) });
}
