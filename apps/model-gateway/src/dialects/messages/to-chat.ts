import type { ChatCall, ChatTranslation } from '../dialect.js';
import { isEdit } from './edits.js';
import { bodyOf, type MessagesBody } from './request.js';
import { systemMessage, toChatMessages } from './to-chat-messages.js';
import { toChatTools } from './to-chat-tools.js';

type Parameters = Record<string, unknown>;
/** What a parameter is in chat completions; undefined when they have nothing for it. */
type Way = (value: unknown) => Parameters | undefined;

const nothing: Way = () => ({});
const only = (...values: unknown[]): Way => {
  return (value) => (values.includes(value) ? {} : undefined);
};
const named = (name: string): Way => {
  return (value) => ({ [name]: value });
};

const EFFORTS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    low: 'low',
    medium: 'medium',
    high: 'high',
    // Chat completions know no more than this at most models, and an effort is a wish.
    xhigh: 'high',
    max: 'high',
  }),
);

/** Where "low" ends and "high" begins, of a budget that Anthropic lets begin at 1,024. */
const [LOW_UP_TO, MEDIUM_UP_TO] = [4_096, 16_384];

/**
 * Thinking is asked for in chat completions by an effort. Where Claude is to decide by itself how much it thinks, or not to
 * show any, nothing is asked for: that is how other models answer without an effort.
 */
function thinking(value: unknown): Parameters | undefined {
  const { type, budget_tokens: budget } = value as NonNullable<MessagesBody['thinking']>;
  if (type === 'adaptive' || type === 'between_tools' || type === 'disabled') return {};
  if (type !== 'enabled' || budget === undefined) return undefined;
  return { reasoning_effort: budget <= LOW_UP_TO ? 'low' : budget <= MEDIUM_UP_TO ? 'medium' : 'high' };
}

function outputConfig(value: unknown): Parameters | undefined {
  const { effort, format, ...others } = value as NonNullable<MessagesBody['output_config']>;
  const { type, schema } = (format ?? {}) as { type?: unknown; schema?: unknown };
  if (Object.keys(others).length > 0 || (format && type !== 'json_schema')) return undefined;
  if (effort && !EFFORTS.has(effort)) return undefined;
  return {
    ...(effort ? { reasoning_effort: EFFORTS.get(effort) } : {}),
    // Anthropic promises answers that fit the schema, which only "strict" promises in chat completions.
    ...(format
      ? { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } } }
      : {}),
  };
}

function metadata(value: unknown): Parameters | undefined {
  const { user_id: user, ...others } = value as NonNullable<MessagesBody['metadata']>;
  if (Object.keys(others).length > 0) return undefined;
  return user ? { user } : {};
}

/** Thinking of earlier turns is left out of a translated prompt anyway. */
function contextManagement(value: unknown): Parameters | undefined {
  const { edits = [] } = value as { edits?: unknown };
  const cleared = Array.isArray(edits) && edits.every((edit) => isEdit(edit, 'clear_thinking_'));
  return cleared ? {} : undefined;
}

/** A map, since clients may name `constructor`, too. */
const WAYS: ReadonlyMap<string, Way> = new Map(
  Object.entries<Way>({
    model: nothing,
    stream: nothing,
    messages: nothing,
    system: nothing,
    tools: nothing,
    tool_choice: nothing,
    // Zero only fills the prompt cache.
    max_tokens: (value) => (value === 0 ? undefined : {}),
    temperature: named('temperature'),
    top_p: named('top_p'),
    stop_sequences: (value) => ((value as string[]).length > 0 ? { stop: value } : {}),
    metadata,
    thinking,
    output_config: outputConfig,
    context_management: contextManagement,
    service_tier: only('auto', 'standard_only'),
    speed: only('standard'),
    inference_geo: only('global'),
    // A hint that changes no answer; other providers cache prompts by themselves.
    cache_control: nothing,
  }),
);

/** A message request as a chat completion. */
export function toChat(call: ChatCall): ChatTranslation {
  const body = bodyOf(call);
  const lost: string[] = [];
  const parameters: Parameters = {};
  for (const [name, value] of Object.entries(body)) {
    if (value === null || value === undefined) continue;
    const way = WAYS.get(name)?.(value);
    if (way) Object.assign(parameters, way);
    else lost.push(name);
  }
  const messages = [...systemMessage(body.system, 'system', lost), ...toChatMessages(body.messages, lost)];
  return { body: { messages, ...toChatTools(body, lost), ...parameters }, lost };
}
